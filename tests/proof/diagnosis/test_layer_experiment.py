"""Tests of the experiment on the tiny network; those of damaged networks are in ``tests/backends``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.dissection import Dissection
from edgecnn.backends.formats import load_format
from edgecnn.data.prepared import PreparedSet
from edgecnn.proof.diagnosis import layer_experiment
from edgecnn.proof.diagnosis.layer_experiment import walk
from tests.support import tiny_models as tiny
from tests.support.tiny_diagnosis import write_request

LABELS = [0, 1, 2, 3, 4]
LIMIT = 3.187451
"""Largest value of the int8 file's input."""


@pytest.fixture
def opened(tmp_path: Path) -> tuple[Dissection, list[npt.NDArray[np.float32]]]:
    """The tiny network's two files, and five input tensors."""
    request = write_request(tmp_path, len(LABELS))
    dissection = load_format("onnx").dissect(request.model, request.float_model)
    tensors = Calibration(PreparedSet.open(request.images), dissection.layout)
    return dissection, [tensors[index] for index in range(len(LABELS))]


def test_each_piece_is_measured_alone_and_behind_those_before_it(
    opened: tuple[Dissection, list[npt.NDArray[np.float32]]],
) -> None:
    walked = walk(*opened, LABELS, progress=lambda *_: None)
    assert [piece.name for piece in walked.pieces] == ["input", "conv", "output"]
    image, conv, output = walked.tallies
    assert image.alone.db == pytest.approx(image.accumulated.db), "nothing is before it"
    assert conv.alone.db > conv.accumulated.db, "alone it gets the float image"
    assert output.alone.db > 100, "the grid of its input is its own"
    assert walked.whole.images == walked.reference.images == len(LABELS)
    assert walked.truth.noise.noise == 0.0


def test_the_values_beyond_the_range_are_counted(
    opened: tuple[Dissection, list[npt.NDArray[np.float32]]],
) -> None:
    dissection, images = opened
    walked = walk(dissection, images, LABELS, progress=lambda *_: None)
    span = walked.tallies[0].span
    assert span.count == sum(image.size for image in images)
    assert span.clipped == sum(int((image > LIMIT).sum()) for image in images) > 0


def test_the_float_file_answers_as_the_network_does(
    opened: tuple[Dissection, list[npt.NDArray[np.float32]]],
) -> None:
    walked = walk(*opened, LABELS, progress=lambda *_: None)
    classes = tiny.expected(tiny.images(len(LABELS))).argmax(axis=1)
    assert walked.truth.right == int((classes == np.array(LABELS)).sum())


def test_groups_of_images_give_the_same_sums(
    opened: tuple[Dissection, list[npt.NDArray[np.float32]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = walk(*opened, LABELS, progress=lambda *_: None)
    monkeypatch.setattr(layer_experiment, "CHUNK_BYTES", 1)
    told: list[tuple[int, int]] = []
    singly = walk(*opened, LABELS, progress=lambda *state: told.append(state))
    assert told == [(done, 15) for done in range(1, 16)]
    for one, other in zip(together.tallies, singly.tallies, strict=True):
        assert one.alone.db == pytest.approx(other.alone.db)
        assert one.accumulated.db == pytest.approx(other.accumulated.db)
        assert one.votes.noise.db == pytest.approx(other.votes.noise.db)
        assert one.span.clipped == other.span.clipped
