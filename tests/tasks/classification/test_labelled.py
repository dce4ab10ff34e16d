"""Measuring classifiers: what is suspicious about their answers."""

from __future__ import annotations

import numpy as np
import pytest

from edgecnn.tasks.base import warning_of
from edgecnn.tasks.classification.labelled import LabelledClasses


@pytest.mark.parametrize(
    ("labels", "chosen", "warning"),
    [
        ([0, 1, 2, 0], [1, 1, 1, 1], "answers the same class for 4 of 4 images"),
        ([0, 1, 2, 0], [1, 1, 1, 2], ""),
        ([1, 1, 1, 1], [1, 1, 1, 1], ""),
        ([0], [1], ""),
    ],
)
def test_one_class_for_every_image_is_warned_of(labels: list[int], chosen: list[int], warning: str) -> None:
    labelled = LabelledClasses(np.array(labels, np.int64))
    assert warning_of(labelled, [np.eye(3, dtype=np.float32)[chosen]]) == warning
