"""What there is: targets and networks."""

from __future__ import annotations

from edgecnn.backends.targets import load_target
from edgecnn.core.config.target import target_names
from edgecnn.core.documents.document import Document
from edgecnn.models.fetch import locate
from edgecnn.models.zoo import ZOO


class TargetRow(Document):
    """A target in the listing; the fields are those of its file."""

    name: str
    format: str
    precision: str
    runtime: str
    isa: str
    description: str


class ModelRow(Document):
    """A network in the listing.

    Attributes:
        name: As the command line takes it.
        input: Input size in pixels, as ``HxW``.
        licence: Licence of the published weights.
        weights: ``fetched``, or the command that fetches them.
        description: One line.
    """

    name: str
    input: str
    licence: str
    weights: str
    description: str


def list_targets() -> tuple[TargetRow, ...]:
    """Return every target on the search path.

    Raises:
        UsageError: One of the files is wrong.
    """
    loaded = [load_target(name) for name in target_names()]
    return tuple(
        TargetRow(
            name=item.name,
            format=item.format,
            precision=item.precision,
            runtime=item.runtime,
            isa=item.isa,
            description=item.description,
        )
        for item in loaded
    )


def list_models() -> tuple[ModelRow, ...]:
    """Return every network of the zoo; any ``timm:`` or ``torchvision:`` name works besides."""
    rows = []
    for name, entry in ZOO.items():
        reference = f"zoo:{name}"
        weights = "fetched" if locate(reference) is not None else f"edgecnn fetch {reference}"
        size = f"{entry.contract.height}x{entry.contract.width}"
        rows.append(
            ModelRow(
                name=reference,
                input=size,
                licence=entry.licence,
                weights=weights,
                description=entry.description,
            )
        )
    return tuple(rows)
