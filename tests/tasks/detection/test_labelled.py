from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecnn.core.documents.link import Link
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import InputError
from edgecnn.data.objects import ImageObjects, Objects
from edgecnn.data.prepared import PreparedSet
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.detector import Detections, Detector, Level
from edgecnn.proof.accuracy.paired import unpack_values
from edgecnn.proof.links.limits import Limits
from edgecnn.tasks.detection.average_precision import average_precision
from edgecnn.tasks.detection.labelled import LabelledBoxes, detections_alike
from edgecnn.tasks.detection.matching import Matches, resampled_precision
from edgecnn.tasks.detection.score_levels import score_levels, with_score_levels
from edgecnn.tasks.detection.task import DetectionTask

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (96, 128)


def scene(seed: int, images: int = 6, classes: int = 3) -> tuple[list[Detections], Objects]:
    """Random boxes, some of them crowds, and detections that find some of them more or less well."""
    random = np.random.default_rng(seed)
    found, objects = [], []
    for _ in range(images):
        count = int(random.integers(0, 5))
        corner = random.uniform(0, 60, (count, 2))
        boxes = np.concatenate([corner, corner + random.uniform(5, 35, (count, 2))], 1)
        labels = random.integers(0, classes, count)
        rows = [
            (*box, int(label), bool(random.random() < 0.2)) for box, label in zip(boxes, labels, strict=True)
        ]
        objects.append(ImageObjects.of(SIZE, rows))
        again = np.concatenate([boxes, boxes, random.uniform(0, 90, (4, 4))])
        again = again + random.normal(0, 3, again.shape)
        again[:, 2:] = np.maximum(again[:, 2:], again[:, :2] + 1)
        guesses = np.concatenate([labels, random.integers(0, classes, count + 4)])
        scores = random.permutation(np.linspace(0.01, 0.99, len(again)))
        found.append(Detections(again.astype(np.float32), scores.astype(np.float32), guesses))
    return found, Objects(tuple(objects))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_our_sum_is_cocos(seed: int) -> None:
    """The value that is resampled for intervals equals that of faster-coco-eval."""
    found, objects = scene(seed)
    expected = average_precision(found, objects)
    ap, ap50 = Matches(found, objects).average_precision(np.ones(len(objects)))
    assert ap == pytest.approx(expected.ap, abs=1e-9)
    assert ap50 == pytest.approx(expected.ap50, abs=1e-9)


def test_an_image_that_counts_twice_is_there_twice() -> None:
    found, objects = scene(5)
    weights = np.array([2.0, 1.0, 0.0, 3.0, 1.0, 1.0])
    repeated = [index for index, weight in enumerate(weights) for _ in range(int(weight))]
    expected = average_precision([found[index] for index in repeated], objects.select(repeated))
    assert Matches(found, objects).average_precision(weights)[0] == pytest.approx(expected.ap, abs=2e-3)


def test_perfect_and_empty_detections() -> None:
    _, objects = scene(1)
    perfect = [
        Detections(image.boxes, np.linspace(0.9, 0.5, len(image), dtype=np.float32), image.labels)
        for image in objects
    ]
    nothing = [Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))] * 6
    assert average_precision(perfect, objects).ap == pytest.approx(1.0)
    assert average_precision(nothing, objects).ap == 0.0
    assert average_precision(nothing[:1], Objects((ImageObjects.of(SIZE, []),))).ap == -1.0
    assert detections_alike(perfect, nothing) == 0.0
    assert detections_alike(nothing, nothing) == 1.0
    assert detections_alike(perfect, perfect) == 1.0


def test_detections_of_other_images_are_refused() -> None:
    found, objects = scene(1)
    with pytest.raises(ValueError, match="detections of 5 images, but boxes of 6"):
        average_precision(found[:5], objects)


DETECTOR = Detector((Level(8, boxes=0, scores=1),), "ltrb")
CONTRACT = Contract(height=64, width=64, resize="squash")


def answers(seed: int, noise: float, images: int = 30) -> tuple[list[np.ndarray], Objects]:
    """Outputs that find one box an image, with noise, and the boxes."""
    random = np.random.default_rng(seed)
    boxes, scores, objects = [], [], []
    for _ in range(images):
        row, column = random.integers(2, 6, 2)
        sides = random.uniform(1, 2, 4)
        center = 8 * (np.array([column, row]) + 0.5)
        corners = np.concatenate([center - 8 * sides[:2], center + 8 * sides[2:]])
        objects.append(ImageObjects.of((64, 64), [(*corners, 0, False)]))
        maps = np.zeros((4, 8, 8), np.float32), np.full((1, 8, 8), -9.0, np.float32)
        maps[0][:, row, column] = sides
        maps[1][0, row, column] = random.uniform(0, 3)
        boxes.append(maps[0])
        scores.append(maps[1])
    shaken = np.random.default_rng(99)
    outputs = [np.stack(boxes), np.stack(scores)]
    return [output + shaken.normal(0, noise, output.shape).astype(np.float32) for output in outputs], Objects(
        tuple(objects)
    )


def test_link_4_of_a_detector() -> None:
    truth, objects = answers(0, 0.0)
    task = LabelledBoxes(DETECTOR, CONTRACT, objects)
    same = task.verify(truth, truth, Limits.of("int8"))
    assert same.passed
    assert same.metrics["ap"] == pytest.approx(1.0)
    assert (same.metrics["drop"], same.metrics["agreement"]) == (0.0, 1.0)

    worse, _ = answers(0, 0.12)
    link = task.verify(truth, worse, Limits.of("int8"))
    assert not link.passed
    assert "drop" in link.broken
    assert link.metrics["drop_low"] <= link.metrics["drop"] <= link.metrics["drop_high"]
    assert link.metrics["drop"] == pytest.approx(link.metrics["fp32_ap"] - link.metrics["ap"])
    assert 0.9 < link.metrics["ap50"] <= 1.0
    assert "loses accuracy at this precision" in link.cause


def test_a_dead_output_is_named() -> None:
    truth, objects = answers(0, 0.0)
    dead = [truth[0], np.full_like(truth[1], -9.0)]
    link = LabelledBoxes(DETECTOR, CONTRACT, objects).verify(truth, dead, Limits.of("int8"))
    assert "every image gets the same outputs" in link.cause
    assert link.metrics["ap"] == 0.0


def test_a_detector_that_finds_nothing_at_all_is_warned_of() -> None:
    truth, objects = answers(0, 0.0)
    labelled = LabelledBoxes(DETECTOR, CONTRACT, objects)
    dead = [truth[0], np.full_like(truth[1], -90.0)]
    assert labelled.warning(dead) == f"finds no object in {len(objects)} of {len(objects)} images"
    assert labelled.warning(truth) == ""


def test_images_without_any_box_measure_nothing(tmp_path: Path) -> None:
    pixels = np.zeros((2, 64, 64, 3), np.uint8)
    for objects, message in (
        (None, "the dataset has labels only"),
        (Objects((ImageObjects.of((64, 64), []),) * 2), "no image of the evaluation set has a box"),
    ):
        images = PreparedSet.write(
            tmp_path,
            pixels,
            np.zeros(2, np.int64),
            classes=("cat",),
            names=("a", "b"),
            contract=CONTRACT,
            objects=objects,
        )
        with pytest.raises(InputError, match=message):
            DetectionTask(DETECTOR.to_json()).labelled(images)


def test_two_detectors_are_compared_on_the_same_draws() -> None:
    truth, objects = answers(0, 0.0, images=250)
    task = LabelledBoxes(DETECTOR, CONTRACT, objects)
    same = task.compare(truth, truth)
    assert (same.verdict, same.paired.difference, same.paired.p_value) == (Verdict.PASS, 0.0, 1.0)

    worse, _ = answers(0, 0.15, images=250)
    lost = task.compare(worse, truth)
    assert lost.verdict is Verdict.FAIL
    assert "lost" in lost.reason
    assert lost.paired.low <= lost.paired.difference <= lost.paired.high
    assert "gained without an explanation" in task.compare(truth, worse).reason


def test_the_spread_over_draws_is_that_of_other_images() -> None:
    """The interval is as wide as the differences between image sets are."""
    tasks = []
    for seed in range(30):
        truth, objects = answers(seed, 0.0, images=60)
        labelled = LabelledBoxes(DETECTOR, CONTRACT, objects)
        tasks.append(labelled.compare(answers(seed, 0.1, images=60)[0], truth))
    told = np.mean([(test.paired.high - test.paired.low) / (2 * 1.96) for test in tasks])
    seen = np.std([test.paired.difference for test in tasks], ddof=1)
    assert 0.5 < told / seen < 2.0, f"the intervals say {told:.4f}, the image sets {seen:.4f}"


def test_a_detector_of_few_images_is_not_judged() -> None:
    truth, objects = answers(0, 0.0)
    test = LabelledBoxes(DETECTOR, CONTRACT, objects).compare(answers(0, 0.15)[0], truth)
    assert test.verdict is Verdict.INCONCLUSIVE
    assert "at least 200 are needed" in test.reason


def test_what_is_kept_of_a_detector_is_enough_to_compare_it() -> None:
    truth, objects = answers(0, 0.0, images=40)
    task = LabelledBoxes(DETECTOR, CONTRACT, objects)
    kept = task.answers(truth)
    again = resampled_precision(task.decode(truth), objects)
    np.testing.assert_array_equal(unpack_values(str(kept["resampled"])), again.astype(np.float32))


def test_scores_that_fell_to_few_levels_break_link_2() -> None:
    """The best-known death of a detector: the file is valid, boxes are found, and all scores are alike."""
    contract = Contract(32, 32)
    detector = Detector((Level(8, boxes=0, scores=1),), "ltrb", score_threshold=0.1)
    random = np.random.default_rng(0)
    boxes, scores = np.ones((4, 4, 4, 4), np.float32), random.normal(0, 2, (4, 3, 4, 4)).astype(np.float32)
    alive = score_levels(detector, [boxes, scores], contract)
    few = score_levels(detector, [boxes, np.where(scores > 0, 2.0, -2.0).astype(np.float32)], contract)
    assert (few, alive > 50) == (2, True)
    link = Link(
        number=2,
        name="quantization",
        compared="the file against the float file",
        metrics={"sqnr_db": 9.0},
        limits={},
    )
    assert with_score_levels(link, alive, alive - 5, Limits.of("int8")).passed
    broken = with_score_levels(link, alive, few, Limits.of("int8"))
    assert broken.broken == ("score_levels",)
    assert "2 distinct scores" in broken.message()
    assert with_score_levels(link, 4, 1, Limits.of("int8")).passed, "the float file finds nothing either"
