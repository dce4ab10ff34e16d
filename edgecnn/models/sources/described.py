"""Resolution of references that zoo, libraries, factories and checkpoints have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.text import unknown_name
from edgecnn.models.classes import imagenet_classes, numbered
from edgecnn.models.source import ModelSource
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor, nn

    from edgecnn.models.source import ModelRequest

OWN_ARGUMENTS = ("classes", "in_channels")
"""Arguments of a builder that only edgecnn sets."""


@dataclass(frozen=True)
class StartingWeights:
    """Weights that a network starts from.

    Attributes:
        state: The tensors by their published names.
        origin: Their origin, as text for the user.
        licence: Their licence, if known.
    """

    state: dict[str, Tensor]
    origin: str
    licence: str


class DescribedSource(ModelSource):
    """A source that describes a network before building it, and that can load other weights into it.

    Attributes:
        counts_classes: Whether the network itself defines the number of classes if the user names none.
    """

    counts_classes: ClassVar[bool] = False

    def made_with(self, reference: str) -> tuple[str, ...]:
        """Return the packages of the network's code, and torchvision, which names ImageNet's classes."""
        return (*self.rebuilt_with(reference), "torchvision")

    @abstractmethod
    def describe(self, reference: str) -> ModelSpec:
        """Return the spec of a reference as its author made it.

        Raises:
            UsageError: There is no such network.
            InputError: The description is damaged.
        """

    def starting_weights(self, request: ModelRequest, base: ModelSpec) -> StartingWeights | None:
        """Return the weights to start from if the user gives no file; None for random weights.

        Args:
            request: The user's request.
            base: The network as its author made it.

        Raises:
            UsageError: Published weights are requested, and there are none.
            MissingDependency: They were not fetched.
        """
        if not request.pretrained:
            return None
        from edgecnn.models.fetch import require
        from edgecnn.models.weights import read_safetensors

        state = read_safetensors(require(request.reference, request.cache))
        return StartingWeights(state, self.origin(request.reference), base.licence)

    def renamed(self, reference: str, module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:  # noqa: ARG002
        """Rename the keys of weights to the module's if they were published under other names."""
        return state

    def publishes_backbone_only(self, reference: str) -> bool:  # noqa: ARG002
        """Return whether the published weights cover only a detector's backbone, the rest being random."""
        return False

    def resolve(self, request: ModelRequest) -> tuple[nn.Module, ModelSpec]:
        """Build the requested network with the requested weights; see the base class."""
        from edgecnn.models.build import build, count_outputs
        from edgecnn.models.described import DescribedNetwork
        from edgecnn.models.growth import BuildLimits
        from edgecnn.models.weights import adapt_weights, load_weights

        base = self.describe(request.reference)
        spec = ModelSpec(
            builder=base.builder,
            arguments={**base.arguments, **request.arguments},
            classes=base.classes if request.classes is None else tuple(request.classes),
            contract=override(base.contract, request.contract_overrides),
            widths=base.widths,
            task=base.task,
        )
        start = _weights_of_file(request) or self.starting_weights(request, base)
        module = build(spec, None if start is None else BuildLimits.of(start.state, spec.builder))
        if start is not None:
            state = self.renamed(request.reference, module, start.state)
            if request.classes is None:
                module, spec = _with_outputs_of(state, module, spec, start.origin)
            keep = request.weights is not None or spec.classes == base.classes
            state, trained = adapt_weights(module, state, keep_classifier=keep)
            load_weights(module, state, start.origin or request.reference)
            fresh = "" if trained else ", fresh classifier"
            if request.pretrained and self.publishes_backbone_only(request.reference):
                fresh = ", fresh neck and heads"
            spec = spec.with_weights(f"{start.origin}{fresh}", start.licence)
        if isinstance(module, DescribedNetwork):
            spec = spec.model_copy(update={"task": module.task(spec.contract)})
        scores_classes = not isinstance(module, DescribedNetwork) or module.score_layers()
        outputs = count_outputs(module, spec) if scores_classes else None
        return module, self._with_classes(request, spec, outputs)

    def _with_classes(self, request: ModelRequest, spec: ModelSpec, outputs: int | None) -> ModelSpec:
        """Return the spec with as many classes as the network has logits.

        Args:
            request: The user's request.
            spec: The network's spec.
            outputs: Number of logits; None for maps, and for a network that does not score classes.

        Raises:
            InputError: The numbers differ, and the network's number is not known to be right.
        """
        free = self.counts_classes and request.classes is None
        if outputs is None:
            return spec.with_classes(numbered(1)) if free and spec.classes == imagenet_classes() else spec
        if outputs == len(spec.classes):
            return spec
        if not free:
            raise InputError(
                f"{request.reference} has {outputs} outputs for {len(spec.classes)} classes",
                hint="a factory with a parameter 'classes' receives their number",
            )
        return spec.with_classes(numbered(outputs))


def override(contract: Contract, changes: Mapping[str, Any]) -> Contract:
    """Return a contract with some of its fields changed.

    Raises:
        UsageError: There is no such field, or the changed contract is inconsistent.
    """
    try:
        return Contract.from_json({**contract.to_json(), **changes})
    except (TypeError, ValueError) as error:
        raise UsageError(f"preprocessing: {error}") from error


def check_arguments(reference: str, arguments: Iterable[str], known: Iterable[str]) -> None:
    """Check the names of a builder's arguments.

    Raises:
        UsageError: The builder does not take one of them, or only edgecnn sets it.
    """
    for name in arguments:
        if name in OWN_ARGUMENTS:
            raise UsageError(
                f"{reference}: argument {name!r} is set by edgecnn",
                hint="classes come from the data, channels from the preprocessing's color",
            )
        if name not in known:
            raise unknown_name(f"argument of {reference}", name, sorted(known))


def _weights_of_file(request: ModelRequest) -> StartingWeights | None:
    """Read the user's file of weights, if there is one."""
    if request.weights is None:
        return None
    from edgecnn.core.store.digest import digest_file
    from edgecnn.models.weights import read_weights

    file = request.weights
    return StartingWeights(read_weights(file), f"{file.name} sha256:{digest_file(file)}", "")


def _with_outputs_of(
    state: dict[str, Tensor], module: nn.Module, spec: ModelSpec, origin: str
) -> tuple[nn.Module, ModelSpec]:
    """Rebuild the network for as many classes as its weights have, if the user named no classes.

    Raises:
        InputError: The network names its class layers, and the weights have another number of classes.
    """
    from edgecnn.models.build import build
    from edgecnn.models.described import DescribedNetwork
    from edgecnn.models.stem_and_classifier import classifier_name

    if isinstance(module, DescribedNetwork):
        own = module.state_dict()
        for key in (f"{layer}.weight" for layer in module.score_layers()):
            if key in state and state[key].shape != own[key].shape:
                raise InputError(
                    f"{origin} does not fit {len(spec.classes)} classes: {key} has shape "
                    f"{list(state[key].shape)}, the network {list(own[key].shape)}",
                    hint="name the classes that the weights were trained for",
                )
        return module, spec
    trained = state.get(f"{classifier_name(module)}.weight")
    if trained is None or trained.ndim != 2 or len(trained) == len(spec.classes):
        return module, spec
    spec = spec.with_classes(numbered(len(trained)))
    return build(spec), spec
