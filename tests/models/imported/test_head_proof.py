"""A guess is proven where all columns of all answers are explained, and refuted by any other number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgecnn.models.imported.codings.guess import Guess, LevelParts, whole
from edgecnn.models.imported.head_proof import prove

Array = npt.NDArray[Any]

SIZE = (32, 48)
STRIDES = (8, 16)
CLASSES = 3
GUESS = Guess(
    "yolo26",
    tuple(
        LevelParts(stride, whole(f"box_{stride}", 4), whole(f"class_{stride}", CLASSES)) for stride in STRIDES
    ),
    "ltrb-signed",
    offset=0.5,
)


def maps() -> dict[str, Array]:
    random = np.random.default_rng(3)
    shapes = {
        f"{kind}_{stride}": (1, count, SIZE[0] // stride, SIZE[1] // stride)
        for stride in STRIDES
        for kind, count in (("box", 4), ("class", CLASSES))
    }
    return {name: random.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}


def tables(found: dict[str, Array]) -> tuple[list[Array], list[Array]]:
    """Return corners and scores of each level, computed without the package's code."""
    boxes, scores = [], []
    for stride in STRIDES:
        box, logits = (found[f"{kind}_{stride}"][0] for kind in ("box", "class"))
        rows, columns = np.mgrid[: box.shape[1], : box.shape[2]] + 0.5
        corners = [columns - box[0], rows - box[1], columns + box[2], rows + box[3]]
        boxes.append(np.stack(corners).reshape(4, -1).T * stride)
        scores.append(1 / (1 + np.exp(-logits.reshape(CLASSES, -1).T)))
    return boxes, scores


@pytest.mark.parametrize("normalized", [False, True])
def test_corners_and_scores_of_all_cells_are_explained(normalized: bool) -> None:
    found = maps()
    boxes, scores = tables(found)
    scale = np.array(SIZE[::-1] * 2, np.float32) if normalized else 1.0
    answers = [np.concatenate(boxes)[None] / scale, np.concatenate(scores).T[None]]
    proof = prove(GUESS, found, answers, SIZE)
    assert proof is not None
    assert (proof.boxes, proof.scores, proof.coarse_first) == (True, True, False)


def test_the_coarse_level_may_come_first() -> None:
    found = maps()
    boxes, scores = tables(found)
    table = np.concatenate([np.concatenate(pair[::-1]) for pair in (boxes, scores)], 1)[None]
    proof = prove(GUESS, found, [table], SIZE)
    assert proof is not None
    assert proof.coarse_first


def test_levels_that_are_answered_one_by_one_prove_no_boxes() -> None:
    found = maps()
    _, scores = tables(found)
    answers = [part[None] for part in scores] + [found[f"box_{stride}"] for stride in STRIDES]
    proof = prove(GUESS, found, answers, SIZE)
    assert proof is not None
    assert (proof.boxes, proof.scores) == (False, True)


def test_another_number_refutes_a_guess() -> None:
    found = maps()
    boxes, scores = tables(found)
    table = np.concatenate([np.concatenate(boxes), np.concatenate(scores)], 1)[None]
    assert prove(GUESS, found, [table], SIZE) is not None
    assert prove(replace(GUESS, offset=0.0), found, [table], SIZE) is None
    assert prove(replace(GUESS, boxes="ltrb"), found, [table], SIZE) is None
    table[0, 17, 5] += 0.01
    assert prove(GUESS, found, [table], SIZE) is None


def test_the_best_rows_are_rows_of_ours() -> None:
    found = maps()
    boxes, scores = (np.concatenate(parts) for parts in tables(found))
    places, classes = scores.max(1).argsort()[:-6:-1], scores.argmax(1)
    rows = np.concatenate([boxes, scores.max(1)[:, None], classes[:, None]], 1)[places]
    answer = np.concatenate([rows, np.zeros((3, 6))])[None]
    proof = prove(GUESS, found, [answer], SIZE)
    assert proof is not None
    assert proof.rows
    answer[0, 2, 0] += 0.1
    assert prove(GUESS, found, [answer], SIZE) is None
