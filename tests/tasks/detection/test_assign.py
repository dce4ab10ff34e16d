from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecnn.tasks.detection.assign import CANDIDATES, assign

SIZE = 96


def cells() -> tuple[torch.Tensor, torch.Tensor]:
    """Return centres and strides of the three feature maps of a 96 px input."""
    centers, strides = [], []
    for stride in (8, 16, 32):
        steps = (torch.arange(SIZE // stride) + 0.5) * stride
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        centers.append(torch.stack([x.flatten(), y.flatten()], 1))
        strides.append(torch.full((len(centers[-1]), 1), float(stride)))
    return torch.cat(centers), torch.cat(strides)


CENTERS, STRIDES = cells()


def around(centers: torch.Tensor, half: float) -> torch.Tensor:
    return torch.cat([centers - half, centers + half], 1)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 12))
@settings(max_examples=50)
def test_every_box_is_learnt_and_no_cell_learns_two(seed: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator) * 60
    boxes = torch.cat([corner, corner + 1 + torch.rand(count, 2, generator=generator) * 35], 1)
    labels = torch.randint(0, 3, (count,), generator=generator)
    scores = torch.rand(len(CENTERS), 3, generator=generator)
    predicted = around(CENTERS, 10.0) + torch.randn(len(CENTERS), 4, generator=generator)
    given_cells = assign(scores, predicted, CENTERS, STRIDES, boxes, labels)
    assert len(set(given_cells.cells.tolist())) == len(given_cells.cells)
    assert len(given_cells.cells) <= CANDIDATES * count + count
    assert bool(((given_cells.quality >= 0) & (given_cells.quality <= 1)).all())
    # Boxes that are all but equal may lose their cells to one another; a box that stands alone may not.
    for index, box in enumerate(boxes):
        others = torch.cat([boxes[:index], boxes[index + 1 :]])
        apart = ((others[:, 0] > box[2] + 48) | (others[:, 2] < box[0] - 48)).all()
        if apart:
            assert index in given_cells.boxes.tolist()


def test_the_cell_that_already_finds_it_learns_most() -> None:
    boxes, labels = torch.tensor([[20.0, 20.0, 60.0, 60.0]]), torch.tensor([0])
    predicted = around(CENTERS, 4.0)
    inside = ((CENTERS > 20) & (CENTERS < 60)).all(1).nonzero().flatten()
    best = int(inside[7])
    predicted[best] = torch.tensor([21.0, 20.0, 60.0, 61.0])
    found = assign(torch.full((len(CENTERS), 1), 0.5), predicted, CENTERS, STRIDES, boxes, labels)
    place = found.cells.tolist().index(best)
    assert found.quality[place] == found.quality.max()
    assert 0.9 < float(found.quality[place]) < 1.0, "the quality is the overlap"


def test_a_box_smaller_than_a_cell_is_learnt() -> None:
    boxes = torch.tensor([[33.0, 33.0, 34.0, 34.0]])
    scores = torch.full((len(CENTERS), 1), 0.01)
    found = assign(scores, around(CENTERS, 200.0), CENTERS, STRIDES, boxes, torch.tensor([0]))
    assert len(found.cells)
    assert (CENTERS[found.cells] - 33.5).abs().max() < 1.5 * 32


def test_a_box_that_no_prediction_overlaps_starts_with_the_nearest_cell() -> None:
    boxes = torch.tensor([[40.0, 40.0, 60.0, 60.0]])
    nowhere = torch.full((len(CENTERS), 4), -50.0)
    nowhere[:, 2:] += 1
    found = assign(torch.rand(len(CENTERS), 1), nowhere, CENTERS, STRIDES, boxes, torch.tensor([0]))
    assert len(found.cells) == 1
    assert (CENTERS[found.cells[0]] - 50).norm() <= 32
