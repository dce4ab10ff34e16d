"""Concatenations whose parts need different scales: the best-known failure of int8 detectors.

Integer runtimes give a concatenation and all its parts one grid. If boxes in pixels are joined with scores
within 0..1, 256 levels for values up to 416 leave the scores one or two levels, and every detection is lost,
although the file is valid and fast. If the ranges are similar, their common range is written to the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.union_find import UnionFind
from edgecnn.quantization.grids import LEVELS
from edgecnn.quantization.ranges import Range

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from edgecnn.quantization.ranges import Observations

LEAST_LEVELS = 8
"""Levels of the common grid that every part must span."""


@dataclass(frozen=True)
class Concatenation:
    """A concatenation in a model file.

    Attributes:
        name: Its name in the file.
        parts: Names of the joined tensors.
    """

    name: str
    parts: tuple[str, ...]


def refuse_conflicts(seen: Observations, concatenations: Iterable[Concatenation]) -> None:
    """Refuse a network that joins tensors whose ranges are too different for one scale.

    Args:
        seen: Float values for the calibration images; parts that were not observed are not judged.
        concatenations: The network's concatenations.

    Raises:
        InputError: The message names the concatenation, its widest part and the part that would lose its
            values.
    """
    places = {name: place for place, name in enumerate(seen.names)}
    for concatenation in concatenations:
        spans = {
            name: (float(seen.low[:, places[name]].min()), float(seen.high[:, places[name]].max()))
            for name in concatenation.parts
            if name in places
        }
        # A grid contains zero: a range of 5..6 needs as much of it as a range of 0..6.
        reach = {name: max(high, 0.0) - min(low, 0.0) for name, (low, high) in spans.items()}
        alive = {name: extent for name, extent in reach.items() if extent > 0.0}
        if len(alive) < 2:
            continue
        widest, least = max(alive, key=alive.__getitem__), min(alive, key=alive.__getitem__)
        lowest = min(0.0, *(low for low, _ in spans.values()))
        highest = max(0.0, *(high for _, high in spans.values()))
        levels = LEVELS * alive[least] / (highest - lowest)
        if levels < LEAST_LEVELS:
            raise InputError(
                f"{concatenation.name} joins {widest}, which spans {_shown(spans[widest])}, with {least}, "
                f"which spans {_shown(spans[least])}: one int8 scale leaves it {levels:.1f} of {LEVELS} "
                "levels",
                hint="return them as outputs of their own and join them behind the network; of an .onnx file "
                "--outputs names them",
            )


def with_one_grid(ranges: Mapping[str, Range], concatenations: Iterable[Concatenation]) -> dict[str, Range]:
    """Give all parts of a concatenation a common range, also across concatenations with shared parts.

    A runtime that joins integers needs one grid for all parts. If their ranges differ, it creates a common
    grid itself and rounds twice.

    Args:
        ranges: By tensor.
        concatenations: The network's concatenations; parts without a range are left out.

    >>> ranges = {"a": Range(0.0, 1.0), "b": Range(-1.0, 0.5), "c": Range(0.0, 9.0)}
    >>> with_one_grid(ranges, [Concatenation("cat", ("a", "b"))])["b"]
    Range(low=-1.0, high=1.0)
    """
    groups, wide = UnionFind(), dict(ranges)
    for concatenation in concatenations:
        first, *others = [part for part in concatenation.parts if part in ranges] or [""]
        for part in others:
            groups.merge(first, part)
    for name, bounds in ranges.items():
        kept = wide[groups.find(name)]
        wide[groups.find(name)] = Range(min(kept.low, bounds.low), max(kept.high, bounds.high))
    return {name: wide[groups.find(name)] for name in ranges}


def _shown(span: tuple[float, float]) -> str:
    return f"{span[0]:.3g}..{span[1]:.3g}"
