from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecnn.ondevice.nms import nms


def crowd(
    seed: int, count: int, classes: int, size: float = 320.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, size, (count, 2))
    boxes = np.concatenate([corner, corner + random.uniform(1, size / 4, (count, 2))], 1).astype(np.float32)
    scores = random.permutation(np.linspace(0.01, 0.99, count)).astype(np.float32)
    return boxes, scores, random.integers(0, classes, count)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 400),
    classes=st.integers(1, 5),
    threshold=st.sampled_from([0.0, 0.3, 0.65, 1.0]),
)
@settings(max_examples=80)
def test_chooses_what_torchvision_chooses(seed: int, count: int, classes: int, threshold: float) -> None:
    import torch
    from torchvision.ops import batched_nms

    boxes, scores, labels = crowd(seed, count, classes)
    expected = batched_nms(
        torch.from_numpy(boxes).double(),
        torch.from_numpy(scores).double(),
        torch.from_numpy(labels),
        threshold,
    )
    found = nms(boxes, scores, labels, threshold, max_detections=count)
    assert found.tolist() == expected.tolist()


def test_the_best_come_first_and_not_more_than_asked_for() -> None:
    boxes, scores, labels = crowd(3, 300, 4)
    everything = nms(boxes, scores, labels, 0.5, 300)
    assert (np.diff(scores[everything]) < 0).all()
    assert nms(boxes, scores, labels, 0.5, 7).tolist() == everything[:7].tolist()


def test_of_equal_boxes_with_equal_scores_the_first_stays() -> None:
    boxes = np.tile(np.array([[1, 2, 9, 9]], np.float32), (200, 1))
    assert nms(boxes, np.full(200, 0.5, np.float32), np.zeros(200, np.int64), 0.5, 10).tolist() == [0]


@pytest.mark.parametrize("box", [[5, 5, 5, 5], [5, 5, 4, 4]])
def test_boxes_without_area_remove_nothing(box: list[float]) -> None:
    boxes = np.array([box, [0, 0, 10, 10]], np.float32)
    chosen = nms(boxes, np.array([0.9, 0.8], np.float32), np.zeros(2, np.int64), 0.5, 10)
    assert chosen.tolist() == [0, 1]


def test_far_classes_in_large_images_stay_apart() -> None:
    boxes = np.array([[8000.25, 0, 8010.5, 10], [8000.25, 0, 8010.5, 10]], np.float32)
    chosen = nms(boxes, np.array([0.9, 0.8], np.float32), np.array([0, 99_999]), 0.5, 10)
    assert chosen.tolist() == [0, 1]
