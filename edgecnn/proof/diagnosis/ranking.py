"""The order of an int8 network's layers by their effect on the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.core.documents.diagnosis import LayerDiagnosis


def ranked(layers: list[LayerDiagnosis], noise: list[float]) -> tuple[LayerDiagnosis, ...]:
    """Return layers in the order of their effect on the task, with their shares of the error.

    Args:
        layers: Layers in any order.
        noise: Error energy at the outputs that each layer causes alone.
    """
    total = sum(noise) or 1.0
    shared = [
        layer.model_copy(update={"effect_share": energy / total})
        for layer, energy in zip(layers, noise, strict=True)
    ]
    return tuple(sorted(shared, key=_rank))


def _rank(layer: LayerDiagnosis) -> tuple[bool, float, float]:
    return layer.problem is not None, layer.effect_sqnr_db, layer.alone_sqnr_db
