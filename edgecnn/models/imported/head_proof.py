"""The proof of a guess: what a file answers for its raw maps equals what our decode makes of them.

Every number of every answer must be one of ours; a single other one refutes a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.models.imported.head_rows import Rows, joined, rows_of
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from edgecnn.models.imported.codings.guess import Guess

    Array = npt.NDArray[Any]

_TOLERANCE = 1e-3
_SCORE, _CLASS = 4, 5
_ROW = 6


@dataclass(frozen=True)
class Proof:
    """What a file's answers show.

    Attributes:
        boxes: Whether they hold decoded boxes, so that the coding of boxes is proven.
        scores: Whether they hold scores.
        rows: Whether they hold the best boxes only, and not one row for each cell.
        columns: Names of all columns that they hold.
        coarse_first: Whether their rows begin with the level of the largest stride.
    """

    boxes: bool
    scores: bool
    rows: bool = False
    columns: frozenset[str] = frozenset()
    coarse_first: bool = False


def prove(
    guess: Guess, maps: Mapping[str, Array], answers: Sequence[Array], size: tuple[int, int]
) -> Proof | None:
    """Return what the answers show if our decode explains all of them; otherwise None.

    Args:
        guess: What the maps may mean.
        maps: The raw maps ``[1, C, H, W]`` by their names.
        answers: What the file answers for them.
        size: Height and width of the network's input.
    """
    outputs = [maps[part.source][0, list(part.channels)] for part in guess.parts]
    detector = guess.detector(0.0, 1.0, 1)
    levels = rows_of(detector, outputs, Contract(*size))
    wide = [answer for answer in answers if answer.dtype.kind == "f"]
    for number, order in enumerate(_orders(levels)):
        table = joined(order)
        found = [_explain(answer, table, order, maps, size) for answer in wide]
        if all(found):
            held = frozenset[str]().union(*found)
            scores = bool(held & {"scores", "classes", "with background"})
            return Proof("boxes" in held, scores, columns=held, coarse_first=number % 2 == 1)
    return _best_rows(wide, joined(levels), size)


def _orders(levels: list[Rows]) -> Iterator[list[Rows]]:
    """Yield the orders of rows: levels fine or coarse first, anchors slowest or fastest."""
    yield levels
    yield levels[::-1]
    if any(level.kinds > 1 for level in levels):
        yield [level.by_cell() for level in levels]
        yield [level.by_cell() for level in levels[::-1]]


def _explain(
    answer: Array, table: Rows, levels: Sequence[Rows], maps: Mapping[str, Array], size: tuple[int, int]
) -> set[str]:
    """Return the names of the columns of an answer; empty if one of them is unknown."""
    for rows in (table, *levels):
        for columns in _as_table(answer, len(rows)):
            found = _columns(columns, rows, size)
            if found:
                return found
    if any(value.shape == answer.shape and _same(answer, value) for value in maps.values()):
        return {"raw map"}
    return set()


def _as_table(answer: Array, rows: int) -> Iterator[Array]:
    """Yield the ways to see an answer of one image as a table with this number of rows."""
    if answer.shape[:1] != (1,) or answer.size % rows:
        return
    inner = answer[0]
    if inner.ndim == 1 and inner.size == rows:
        yield inner[:, None]
    elif inner.ndim > 1:
        yield from (
            inner.reshape(rows, -1)
            for lead in range(1, inner.ndim + 1)
            if int(np.prod(inner.shape[:lead])) == rows
        )
        for lead in range(1, inner.ndim):
            if int(np.prod(inner.shape[lead:])) == rows:
                yield inner.reshape(-1, rows).T


def _columns(columns: Array, rows: Rows, size: tuple[int, int]) -> set[str]:
    """Return what the columns of a table hold, read from the left; empty if some are unknown."""
    known = [("scores", rows.scores), *_boxes(rows.boxes, size), *rows.raw.items()]
    known.append(("ones", np.ones((len(rows), 1), np.float32)))
    found, place = set[str](), 0
    while place < columns.shape[1]:
        for name, values in known:
            end = place + values.shape[1]
            if end <= columns.shape[1] and _same(columns[:, place:end], values):
                found.add(name)
                place = end
                break
        else:
            return set()
    return found


def _boxes(boxes: Array, size: tuple[int, int]) -> Iterator[tuple[str, Array]]:
    """Yield boxes in the forms in which files answer them."""
    scale = np.array([size[1], size[0]] * 2, np.float32)
    centers, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    for corners in (boxes, np.concatenate([centers, sides], 1)):
        for form in (corners, corners / scale):
            yield "boxes", form
            yield "boxes", form[:, [1, 0, 3, 2]]


def _best_rows(answers: Sequence[Array], table: Rows, size: tuple[int, int]) -> Proof | None:
    """Return the proof of answers that hold rows of box, score and class; each must be a row of ours."""
    (answer, *others) = answers
    if others or answer.shape[-1] != _ROW or answer.size == 0:
        return None
    rows = answer.reshape(-1, _ROW)
    rows = rows[rows[:, _SCORE] > 0]
    classes = rows[:, _CLASS].astype(np.int64)
    if not len(rows) or classes.min() < 0 or classes.max() >= table.scores.shape[1]:
        return None
    for _, boxes in _boxes(table.boxes, size):
        if all(_row(boxes, table.scores[:, label], row) for row, label in zip(rows, classes, strict=True)):
            return Proof(boxes=True, scores=True, rows=True)
    return None


def _row(boxes: Array, scores: Array, row: Array) -> bool:
    """Return whether a box and its score are one of ours."""
    near = np.abs(scores - row[_SCORE]) <= _TOLERANCE
    return bool(near.any()) and any(_same(box, row[:_SCORE]) for box in boxes[near])


def _same(one: Array, other: Array) -> bool:
    """Return whether values are alike, relative to a hundredth of what is larger than a hundred."""
    unit = np.maximum(1.0, np.abs(other) / 100.0)
    return bool((np.abs(one - other) <= _TOLERANCE * unit).all())
