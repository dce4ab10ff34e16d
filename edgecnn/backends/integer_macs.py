"""Share of a file's multiply-accumulates that compute in integers, which every format's inspection states."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def integer_share(layers: Iterable[tuple[int, bool]], computing: int, floats: int) -> float:
    """Return the share of the multiply-accumulates that compute in integers.

    Args:
        layers: Multiply-accumulates of every layer, and whether it computes in integers.
        computing: Number of operations that compute values.
        floats: Number of those that compute in floating point, which decide if nothing multiplies.

    >>> integer_share([(300, True), (100, False)], computing=3, floats=1)
    0.75
    >>> integer_share([], computing=4, floats=1)
    0.75
    """
    counted = list(layers)
    total = sum(macs for macs, _ in counted)
    if total:
        return sum(macs for macs, integer in counted if integer) / total
    return 1.0 - floats / computing if computing else 1.0
