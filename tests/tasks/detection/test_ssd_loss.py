from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_convert, box_iou

from edgecnn.models import zoo
from edgecnn.models.detector.ssdlite import SsdLite
from edgecnn.tasks.detection.batch import Boxes
from edgecnn.tasks.detection.priors import PriorPrediction
from edgecnn.tasks.detection.ssd_loss import SsdLoss, hard_negatives, match

CLASSES = 3
CONTRACT = zoo.find("ssdlite320-mobilenetv3-large").contract
GRIDS = (20, 10, 5, 3, 2, 1)


@pytest.fixture(scope="module")
def method() -> SsdLoss:
    return SsdLoss(SsdLite(CLASSES).describe(CONTRACT))


def random_outputs(images: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(images, channels, side, side, generator=generator)
        for side in GRIDS
        for channels in (6 * 4, 6 * (1 + CLASSES))
    )


def some_boxes(count: int, seed: int) -> Boxes:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator) * 220
    side = 50 + torch.rand(count, 2, generator=generator) * 50
    labels = torch.randint(0, CLASSES, (count,), generator=generator)
    return Boxes(torch.cat([corner, corner + side], 1), labels, torch.empty(0, 4))


IMAGES = torch.zeros(4, 3, 320, 320)
# Each of these boxes has one best prior of its own: rounding decides between equal ones, and torchvision
# gives a prior that is the best of two boxes to the last.
TARGETS = [some_boxes(count, seed) for seed, count in enumerate((1, 3, 6, 0))]


def test_it_is_torchvisions(method: SsdLoss) -> None:
    """torchvision's own priors, matching and loss on the same outputs and boxes."""
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large

    theirs = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=1 + CLASSES)
    outputs = random_outputs(4)
    features = [torch.zeros(4, 1, side, side) for side in GRIDS]
    anchors = theirs.anchor_generator(ImageList(IMAGES, [(320, 320)] * 4), features)
    found = PriorPrediction.of(outputs, method.detector, (320, 320))
    torch.testing.assert_close(box_convert(found.priors, "cxcywh", "xyxy"), anchors[0])

    matched = [
        theirs.proposal_matcher(box_iou(target.corners, priors))
        if len(target.labels)
        else torch.full((len(priors),), -1)
        for priors, target in zip(anchors, TARGETS, strict=True)
    ]
    expected = theirs.compute_loss(
        [{"boxes": target.corners, "labels": target.labels + 1} for target in TARGETS],
        {"bbox_regression": found.offsets, "cls_logits": found.scores},
        anchors,
        matched,
    )
    loss = method.loss(IMAGES, outputs, TARGETS)
    torch.testing.assert_close(loss, sum(expected.values()), atol=1e-5, rtol=1e-5)
    assert float(loss) > 1, "the test says nothing of a loss of zero"


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 12))
@settings(max_examples=50)
def test_priors_learn_what_they_overlap_and_every_box_is_learnt(seed: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(200 + count, 2, generator=generator) * 200
    everything = torch.cat([corner, corner + 5 + torch.rand(200 + count, 2, generator=generator) * 90], 1)
    priors, boxes = everything[:200], everything[200:]
    learning, owner = match(priors, boxes)
    assert len(set(learning.tolist())) == len(learning)
    overlaps = box_iou(priors, boxes)
    best = overlaps.argmax(0) if count else torch.empty(0, dtype=torch.int64)
    for prior, box in zip(learning.tolist(), owner.tolist(), strict=True):
        is_largest = overlaps[prior, box] == overlaps[prior].max()
        assert best[box] == prior or (is_largest and overlaps[prior, box] >= 0.5)
    overlapped = (overlaps >= 0.5).any(dim=1).nonzero().flatten() if count else best
    assert set(learning.tolist()) == set(overlapped.tolist()) | set(best.tolist())


def test_a_prior_that_is_the_best_of_two_boxes_learns_the_one_it_overlaps_more() -> None:
    prior, far = [0.0, 0.0, 100.0, 100.0], [300.0, 300.0, 310.0, 310.0]
    boxes = torch.tensor([[0.0, 0.0, 40.0, 40.0], [0.0, 0.0, 30.0, 30.0]])
    learning, owner = match(torch.tensor([far, prior]), boxes)
    assert (learning.tolist(), owner.tolist()) == ([1], [0])


def test_no_more_negatives_than_are_eligible() -> None:
    costs, eligible = torch.rand(2, 10), torch.zeros(2, 10, dtype=torch.bool)
    eligible[0, 2:4] = True
    chosen = hard_negatives(costs, eligible, torch.tensor([9, 9]))
    assert torch.equal(chosen, eligible)


def test_images_without_boxes_have_a_finite_loss(method: SsdLoss) -> None:
    outputs = tuple(output.requires_grad_() for output in random_outputs(2))
    loss = method.loss(IMAGES[:2], outputs, [TARGETS[3]] * 2)
    torch.autograd.backward(loss)
    assert loss.item() == 0.0
    assert all(torch.isfinite(output.grad).all() for output in outputs if output.grad is not None)


def test_a_prior_in_a_crowd_is_no_negative(method: SsdLoss) -> None:
    """False scores cost nothing in a crowd but elsewhere; a box in the crowd is still learnt."""
    crowd = torch.tensor([[160.0, 160.0, 320.0, 320.0]])
    boxes = torch.tensor([[20.0, 20.0, 90.0, 90.0], [200.0, 200.0, 280.0, 280.0]])
    targets = [Boxes(boxes, torch.tensor([0, 2]), crowd)]
    quiet = random_outputs(1)

    def loss(cell: tuple[int, int]) -> torch.Tensor:
        """Let a cell of the first feature map, of 16 pixels each, see the first class in its first prior."""
        outputs = [output.clone() for output in quiet]
        outputs[1][0, 1, cell[0], cell[1]] += 20.0
        return method.loss(IMAGES[:1], tuple(outputs), targets)

    expected = method.loss(IMAGES[:1], quiet, targets)
    assert torch.equal(loss((19, 19)), expected)
    assert loss((19, 2)) > expected + 0.1

    outputs = tuple(output.clone().requires_grad_() for output in quiet)
    torch.autograd.backward(method.loss(IMAGES[:1], outputs, targets))
    middle = slice(12, 18)  # cells of the second box, whose priors it overlaps
    assert outputs[1].grad is not None
    assert outputs[1].grad[..., middle, middle].abs().sum() > 0
