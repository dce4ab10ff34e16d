"""Offsets from anchors with an objectness: YOLOv3 and v4, whose sides are exponentials, and YOLOv5 and v7.

A level has one map; each anchor has four channels of its box, one of its objectness, and some of classes.
The anchors are read from the file: its own boxes for maps of zeros have their sides, whatever computes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgecnn.models.imported.codings.guess import Guess, LevelParts, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgecnn.models.imported.raw_maps import MapLevel
    from edgecnn.models.imported.tail import Tail

    Array = npt.NDArray[Any]

_KINDS = (3, 1, 2, 4, 5, 6, 9)
"""Numbers of anchors of a cell, the usual one first."""
_BOX, _BEFORE_CLASSES = 4, 5
_SURE = 30.0
_EVEN = 1e-3
_MOST_SCALE = 4.0


def anchors(levels: Sequence[MapLevel], tail: Tail) -> Iterator[Guess]:
    """Yield the guesses for levels of one map each."""
    channels = {level.maps[0].channels for level in levels}
    if {len(level.maps) for level in levels} != {1} or len(channels) != 1:
        return
    count = channels.pop()
    for kinds in _KINDS:
        if count % kinds == 0 and count // kinds > _BEFORE_CLASSES:
            yield from _of_kinds(levels, tail, kinds, count // kinds)


def _of_kinds(levels: Sequence[MapLevel], tail: Tail, kinds: int, each: int) -> Iterator[Guess]:
    zeros = {name: np.zeros(shape, np.float32) for name, shape in tail.shapes.items()}
    sure = {name: value.copy() for name, value in zeros.items()}
    for value in sure.values():
        value[:, ::each] = _SURE
    rows = kinds * sum(level.cells for level in levels)
    tables = [_tables(tail.answers(maps), rows, tail.size) for maps in (zeros, sure)]
    for plain, moved in zip(*tables, strict=True):
        for order in (levels, levels[::-1]):
            for by_cell in (False, True):
                described = _levels(order, plain, moved, kinds=kinds, each=each, by_cell=by_cell)
                if described:
                    found = tuple(sorted(described, key=lambda level: level.stride))
                    family = "yolov5" if found[0].scale == 2.0 else "yolov3"
                    yield Guess(family, found, "anchors-v5")
                    yield Guess(family, found, "anchors-v3")


def _tables(answers: Sequence[Array], rows: int, size: tuple[int, int]) -> list[Array]:
    """Return centres and sides ``[rows, 4]`` in pixels of the answers with this many rows, for all forms."""
    found = []
    for answer in answers:
        if answer.dtype.kind == "f" and answer.size % rows == 0 and answer.size >= _BOX * rows:
            table = answer.reshape(rows, -1)[:, :_BOX]
            corners = [(table[:, :2] + table[:, 2:]) / 2, table[:, 2:] - table[:, :2]]
            forms = [table, np.concatenate(corners, 1)]
            found += [*forms, *(form * np.array([size[1], size[0]] * 2) for form in forms)]
    return found


def _levels(
    levels: Sequence[MapLevel],
    plain: Array,
    moved: Array,
    *,
    kinds: int,
    each: int,
    by_cell: bool,
) -> list[LevelParts]:
    """Return the levels with the anchors of a table; empty if its sides are not the same in all cells."""
    found, first = [], 0
    for level in levels:
        last = first + kinds * level.cells
        shape = (level.cells, kinds, _BOX) if by_cell else (kinds, level.cells, _BOX)
        boxes, others = (table[first:last].reshape(shape) for table in (plain, moved))
        if by_cell:
            boxes, others = boxes.swapaxes(0, 1), others.swapaxes(0, 1)
        sides, first = boxes[:, :, 2:], last
        if np.ptp(sides, axis=1).max() > _EVEN * max(1.0, float(sides.max())) or sides.min() <= 0:
            return []
        scale = round(float(2 * others[0, 0, 0] / level.stride - 1), 4)
        if not 1.0 <= scale <= _MOST_SCALE:
            return []
        name = level.maps[0].name
        starts = [kind * each for kind in range(kinds)]
        boxes_part, scores, objectness = (
            some(name, [start + place for start in starts for place in places])
            for places in (range(_BOX), range(_BEFORE_CLASSES, each), (_BOX,))
        )
        anchor = tuple((float(width), float(height)) for width, height in sides[:, 0])
        found.append(LevelParts(level.stride, boxes_part, scores, objectness, anchor, scale))
    return found
