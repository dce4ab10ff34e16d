"""List the targets and the networks of the zoo."""

from __future__ import annotations

from edgecnn.backends.targets import load_target
from edgecnn.core.config.target import target_names
from edgecnn.core.documents.listing import ModelRow, TargetRow
from edgecnn.models.fetch import locate
from edgecnn.models.zoo import ZOO


def list_targets() -> tuple[TargetRow, ...]:
    """Return every target on the search path.

    Raises:
        UsageError: One of the files is wrong.
    """
    return tuple(
        TargetRow.model_validate({name: getattr(target, name) for name in TargetRow.model_fields})
        for target in map(load_target, target_names())
    )


def list_models() -> tuple[ModelRow, ...]:
    """Return every network of the zoo; any ``timm:`` or ``torchvision:`` name is accepted as well."""
    return tuple(
        ModelRow(
            name=f"zoo:{name}",
            input=f"{entry.contract.height}x{entry.contract.width}",
            licence=entry.licence,
            weights="fetched" if locate(f"zoo:{name}") is not None else f"edgecnn fetch zoo:{name}",
            description=entry.description,
        )
        for name, entry in ZOO.items()
    )
