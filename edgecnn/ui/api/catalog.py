"""What there is: targets and networks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgecnn.backends.targets import load_target
from edgecnn.core.config.target import target_names
from edgecnn.models.fetch import locate
from edgecnn.models.zoo import ZOO


@dataclass(frozen=True)
class TargetRow:
    """A target in the listing; the fields are those of its file."""

    name: str
    format: str
    precision: str
    runtime: str
    isa: str
    description: str

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class ModelRow:
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

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return asdict(self)


def list_targets() -> tuple[TargetRow, ...]:
    """Return every target on the search path.

    Raises:
        UsageError: One of the files is wrong.
    """
    loaded = [load_target(name) for name in target_names()]
    return tuple(
        TargetRow(item.name, item.format, item.precision, item.runtime, item.isa, item.description)
        for item in loaded
    )


def list_models() -> tuple[ModelRow, ...]:
    """Return every network of the zoo; any ``timm:`` or ``torchvision:`` name works besides."""
    rows = []
    for name, entry in ZOO.items():
        reference = f"zoo:{name}"
        weights = "fetched" if locate(reference) is not None else f"edgecnn fetch {reference}"
        size = f"{entry.contract.height}x{entry.contract.width}"
        rows.append(ModelRow(reference, size, entry.licence, weights, entry.description))
    return tuple(rows)
