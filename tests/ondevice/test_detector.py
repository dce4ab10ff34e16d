from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.decode import decode
from edgecnn.ondevice.detector import BoxCoding, Detector, Level, ScoreCoding

CONTRACT = Contract(height=64, width=96, resize="letterbox")
LEVELS = (Level(8, boxes=0, scores=1), Level(16, boxes=2, scores=3))


def blank(channels: tuple[int, ...], strides: tuple[int, ...], value: float = -20.0) -> list[np.ndarray]:
    return [
        np.full((1, count, CONTRACT.height // stride, CONTRACT.width // stride), value, np.float32)
        for count, stride in zip(channels, strides, strict=True)
    ]


@given(
    boxes=st.sampled_from(["ltrb", "dfl", "yolox", "ssd"]),
    scores=st.sampled_from(["sigmoid", "softmax"]),
    strides=st.lists(st.floats(1, 640), min_size=1, max_size=6),
    objectness=st.booleans(),
)
def test_json_round_trip(
    boxes: BoxCoding, scores: ScoreCoding, strides: list[float], objectness: bool
) -> None:
    per_level = 3 if objectness else 2
    levels = tuple(
        Level(
            stride,
            boxes=per_level * index,
            scores=per_level * index + 1,
            objectness=per_level * index + 2 if objectness else None,
            anchors=((10.0, 20.5),) if boxes == "ssd" else (),
        )
        for index, stride in enumerate(strides)
    )
    detector = Detector(levels, boxes, scores, bins=16 if boxes == "dfl" else 1)
    assert Detector.from_json(json.loads(json.dumps(detector.to_json()))) == detector
    assert detector.outputs == per_level * len(strides)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": "xywh"}, "boxes: 'xywh' is not one of"),
        ({"bins": 1}, "bins 1 does not fit"),
        ({"bins": True}, "bins: true is not a whole number"),
        ({"levels": []}, "0 levels"),
        ({"score_threshold": 1.5}, "score_threshold 1.5"),
        ({"score_threshold": float("nan")}, "score_threshold: nan is not a number"),
        ({"max_detections": 0}, "max_detections 0"),
        ({"candidates": 10**9}, "candidates"),
        ({"surprise": 1}, "surprise"),
        ({"levels": [{"stride": 8, "boxes": 0, "scores": 0}]}, "not each of 2 once"),
        ({"levels": [{"stride": 8, "boxes": 0}]}, r"levels\[0\]: scores is missing"),
        ({"levels": [{"stride": 8, "boxes": 0, "scores": 10**7}]}, "not each of 2 once"),
        ({"levels": [{"stride": 0, "boxes": 0, "scores": 1}]}, "stride 0.0"),
        ({"levels": [{"stride": 8, "boxes": 0, "scores": 1, "anchors": [[1, 2]]}]}, "anchors do not fit"),
        ({"levels": 3}, "levels: 3 is not a list"),
    ],
)
def test_a_description_from_a_file_is_checked(change: dict[str, object], message: str) -> None:
    data = Detector(LEVELS, "dfl", bins=8).to_json() | change
    with pytest.raises(ValueError, match=message):
        Detector.from_json(data)


def test_a_box_of_distances_comes_back_in_pixels_of_the_photo() -> None:
    outputs = blank((4, 2, 4, 2), (8, 8, 16, 16))
    outputs[1][0, 1, 3, 5] = 4.0  # class 1 at row 3, column 5: centre (44, 28)
    outputs[0][0, :, 3, 5] = [1.0, 2.0, 3.0, 0.5]
    detector = Detector(LEVELS, "ltrb")
    # 64x96 letterboxed from 128x192: exactly half the size.
    (found,) = decode(detector, outputs, CONTRACT, [(128, 192)])
    np.testing.assert_allclose(found.boxes, [[72, 24, 136, 64]])
    np.testing.assert_allclose(found.scores, [1 / (1 + np.exp(-4.0))], rtol=1e-6)
    assert found.classes.tolist() == [1]


def test_negative_distances_are_none() -> None:
    outputs = blank((4, 1, 4, 1), (8, 8, 16, 16))
    outputs[1][0, 0, 0, 0] = 4.0
    (found,) = decode(Detector(LEVELS, "ltrb"), outputs, CONTRACT, [(64, 96)])
    np.testing.assert_allclose(found.boxes, [[4, 4, 4, 4]])


def test_dfl_is_the_mean_of_the_bins() -> None:
    outputs = blank((32, 1, 32, 1), (8, 8, 16, 16))
    outputs[3][0, 0, 2, 1] = 3.0  # centre (24, 40) at stride 16
    sides = outputs[2][0, :, 2, 1].reshape(4, 8)
    sides[0, 1] = sides[1, [1, 2]] = sides[2, 3] = sides[3, 0] = 20.0
    (found,) = decode(Detector(LEVELS, "dfl", bins=8), outputs, CONTRACT, [(64, 96)])
    np.testing.assert_allclose(found.boxes, [[24 - 16, 40 - 24, 24 + 48, 40]], atol=1e-4)


def test_yolox_multiplies_with_the_objectness() -> None:
    level = Level(8, boxes=0, scores=1, objectness=2)
    outputs = blank((4, 3, 1), (8, 8, 8))
    outputs[2][0, 0, 2, 4], outputs[1][0, 2, 2, 4] = 1.0, 2.0
    outputs[0][0, :, 2, 4] = [0.5, 0.25, np.log(2.0), np.log(3.0)]
    (found,) = decode(Detector((level,), "yolox"), outputs, CONTRACT, [(64, 96)])
    np.testing.assert_allclose(found.boxes, [[36 - 8, 18 - 12, 36 + 8, 18 + 12]], atol=1e-4)
    np.testing.assert_allclose(found.scores, [1 / (1 + np.exp(-1.0)) / (1 + np.exp(-2.0))], rtol=1e-6)


def test_ssd_agrees_with_torchvision() -> None:
    import torch
    from torchvision.models.detection._utils import BoxCoder

    random = np.random.default_rng(0)
    anchors = ((20.0, 30.0), (44.0, 12.0))
    outputs = [random.normal(0, 1.5, (1, count, 4, 6)).astype(np.float32) for count in (2 * 4, 2 * 5)]
    contract = Contract(height=64, width=96, resize="squash")
    detector = Detector(
        (Level(16, boxes=0, scores=1, anchors=anchors),),
        "ssd",
        "softmax",
        score_threshold=0.3,
        iou_threshold=1.0,
    )
    (found,) = decode(detector, outputs, contract, [(64, 96)])

    deltas = torch.from_numpy(outputs[0]).reshape(2, 4, 4, 6).permute(2, 3, 0, 1).reshape(-1, 4)
    logits = torch.from_numpy(outputs[1]).reshape(2, 5, 4, 6).permute(2, 3, 0, 1).reshape(-1, 5)
    rows, columns, sizes = torch.meshgrid(torch.arange(4), torch.arange(6), torch.arange(2), indexing="ij")
    half = torch.tensor(anchors)[sizes.reshape(-1)] / 2
    centers = torch.stack([columns, rows], -1).reshape(-1, 2) * 16 + 8
    priors = torch.cat([centers - half, centers + half], 1)
    boxes = BoxCoder((10.0, 10.0, 5.0, 5.0)).decode_single(deltas, priors)
    scores = logits.softmax(1)[:, 1:]
    cell, label = torch.nonzero(scores >= 0.3, as_tuple=True)
    order = scores[cell, label].argsort(descending=True)
    limits = torch.tensor([96.0, 64.0, 96.0, 64.0])
    expected = torch.minimum(boxes[cell].clamp(min=0), limits)[order]
    np.testing.assert_allclose(found.scores, scores[cell, label][order], rtol=1e-5)
    np.testing.assert_allclose(found.boxes, expected, atol=1e-3)
    assert found.classes.tolist() == label[order].tolist()


@given(seed=st.integers(0, 2**32 - 1), threshold=st.sampled_from([0.0, 0.05, 0.6, 1.0]))
@settings(max_examples=40)
def test_filtering_first_loses_nothing(seed: int, threshold: float) -> None:
    """Decoding every cell and filtering afterwards, as papers do, gives the same boxes."""
    random = np.random.default_rng(seed)
    outputs = [random.normal(0, 3, output.shape).astype(np.float32) for output in blank((32, 3), (8, 8))]
    outputs[1] = random.permutation(np.linspace(-4, 4, outputs[1].size, dtype=np.float32)).reshape(
        1, 3, 8, 12
    )
    detector = Detector(
        LEVELS[:1],
        "dfl",
        bins=8,
        score_threshold=threshold,
        iou_threshold=1.0,
        candidates=50,
        max_detections=50,
    )
    (found,) = decode(detector, outputs, CONTRACT, [(64, 96)])
    scores = 1 / (1 + np.exp(-outputs[1][0].astype(np.float64)))
    best = np.sort(scores[scores >= threshold])[::-1][:50]
    np.testing.assert_allclose(found.scores, best, rtol=1e-5)
    odds = np.exp(outputs[0][0].reshape(4, 8, 8, 12))
    distance = (odds * np.arange(8)[:, None, None]).sum(1) / odds.sum(1)
    for box, score, label in zip(found.boxes, found.scores, found.classes, strict=True):
        row, column = divmod(int(np.abs(scores[label] - score).argmin()), 12)
        side = distance[:, row, column]
        center = np.array([column + 0.5, row + 0.5])
        expected = 8 * np.concatenate([center - side[:2], center + side[2:]])
        np.testing.assert_allclose(box, np.clip(expected, 0, [96, 64, 96, 64]), atol=1e-2)


def test_outputs_that_are_not_numbers_are_no_detections() -> None:
    outputs = blank((4, 1, 4, 1), (8, 8, 16, 16), value=float("nan"))
    (found,) = decode(Detector(LEVELS, "ltrb"), outputs, CONTRACT, [(64, 96)])
    assert len(found) == 0


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(1, 4, 8, 12), (1, 2, 8, 12)], "2 outputs, but the detector describes 4"),
        ([(1, 4, 8, 12), (1, 2, 4, 12), (1, 4, 4, 6), (1, 2, 4, 6)], "of one feature map"),
        ([(1, 8, 8, 12), (1, 2, 8, 12), (1, 4, 4, 6), (1, 2, 4, 6)], r"output 0 is \[1, 8, 8, 12\]"),
        ([(2, 4, 8, 12), (2, 2, 8, 12), (1, 4, 4, 6), (1, 2, 4, 6)], r"not \[1, 4, H, W\]"),
        ([(1, 4), (1, 2), (1, 4, 4, 6), (1, 2, 4, 6)], "of one feature map"),
    ],
)
def test_outputs_of_another_shape_are_refused(shapes: list[tuple[int, ...]], message: str) -> None:
    outputs = [np.zeros(shape, np.float32) for shape in shapes]
    with pytest.raises(ValueError, match=message):
        decode(Detector(LEVELS, "ltrb"), outputs, CONTRACT, [(64, 96)])


def test_above_keeps_the_better_ones() -> None:
    outputs = blank((4, 1, 4, 1), (8, 8, 16, 16))
    outputs[1][0, 0, 0, 0], outputs[1][0, 0, 4, 4] = 4.0, 0.0
    detector = dataclasses.replace(Detector(LEVELS, "ltrb"), score_threshold=0.1)
    (found,) = decode(detector, outputs, CONTRACT, [(64, 96)])
    assert len(found) == 2
    assert len(found.above(0.6)) == 1
