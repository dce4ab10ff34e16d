from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import box_convert

from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.decode import decode
from edgecnn.ondevice.detector import Detector, Level
from edgecnn.tasks.detection.priors import PriorPrediction, encode

CONTRACT = Contract(height=64, width=96, resize="squash")
LEVELS = (
    Level(16, boxes=0, scores=1, anchors=((20.0, 20.0), (30.0, 12.0), (12.0, 30.0))),
    Level(96 / 5, boxes=2, scores=3, anchors=((40.0, 40.0), (90.0, 50.0))),
)
GRIDS = ((4, 6), (3, 5))
DETECTOR = Detector(LEVELS, "ssd", "softmax", iou_threshold=1.0, score_threshold=0.5)


def maps(values: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Lay numbers of each prior, ``[P, C]`` in the order of the priors, into the maps of one image."""
    found, start = [], 0
    for level, (rows, columns) in zip(LEVELS, GRIDS, strict=True):
        kinds = len(level.anchors)
        part = values[start : start + rows * columns * kinds].reshape(rows, columns, -1)
        found.append(part.permute(2, 0, 1)[None])
        start += rows * columns * kinds
    return tuple(found)


def outputs(offsets: torch.Tensor, scores: torch.Tensor) -> tuple[torch.Tensor, ...]:
    boxes, logits = maps(offsets), maps(scores)
    return boxes[0], logits[0], boxes[1], logits[1]


def read(answer: tuple[torch.Tensor, ...]) -> PriorPrediction:
    return PriorPrediction.of(answer, DETECTOR, (CONTRACT.height, CONTRACT.width))


PRIORS = read(outputs(torch.zeros(102, 4), torch.zeros(102, 3))).priors


def test_maps_and_rows_are_the_same_numbers() -> None:
    offsets, scores = torch.randn(102, 4), torch.randn(102, 3)
    found = read(outputs(offsets, scores))
    assert torch.equal(found.offsets[0], offsets)
    assert torch.equal(found.scores[0], scores)


@given(seed=st.integers(0, 2**32 - 1), prior=st.integers(0, len(PRIORS) - 1), label=st.integers(0, 1))
@settings(max_examples=60)
def test_what_is_encoded_decodes_to_the_same_box(seed: int, prior: int, label: int) -> None:
    """The loss' encoding against the numpy code that ships, over any prior and any box that is not tiny."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(2, generator=generator) * torch.tensor([80.0, 50.0])
    side = 3 + torch.rand(2, generator=generator) * (torch.tensor([93.0, 61.0]) - corner)
    box = torch.cat([corner, corner + side])[None]
    offsets, scores = torch.zeros(102, 4), torch.zeros(102, 3)
    scores[:, 0] = 20.0
    offsets[prior] = encode(PRIORS[prior : prior + 1], box)[0]
    scores[prior, 1 + label] = 40.0
    raw = [output.numpy() for output in outputs(offsets, scores)]
    (found,) = decode(DETECTOR, raw, CONTRACT, [(CONTRACT.height, CONTRACT.width)])
    assert found.classes.tolist() == [label]
    expected = np.clip(box.numpy(), 0, [96, 64, 96, 64])
    np.testing.assert_allclose(found.boxes, expected, atol=2e-4)


def test_offsets_of_zero_are_the_priors_themselves() -> None:
    offsets = encode(PRIORS, box_convert(PRIORS, "cxcywh", "xyxy"))
    torch.testing.assert_close(offsets, torch.zeros_like(offsets), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(64, 96), (128, 96)])
def test_priors_fill_the_input_and_keep_their_pixels(size: tuple[int, ...]) -> None:
    priors = PriorPrediction.of(
        outputs(torch.zeros(102, 4), torch.zeros(102, 3)), DETECTOR, (size[0], size[1])
    ).priors
    assert torch.equal(priors[:, 2:], PRIORS[:, 2:])
    cell = torch.tensor([size[1] / 6, size[0] / 4])
    torch.testing.assert_close(priors[0, :2], cell / 2)
    torch.testing.assert_close(priors[71, :2], torch.tensor([size[1], size[0]]) - cell / 2)
