"""Operators that choose, reduce and rearrange values, built from nodes as data."""

from __future__ import annotations

import pytest
import torch

from edgecnn.core.errors import InputError
from edgecnn.models.imported import rearrangement, reductions
from edgecnn.models.imported.graph import ImportedNode, Value
from edgecnn.models.imported.operators import operator_of

MAPS = torch.arange(1 * 8 * 2 * 3, dtype=torch.float32).reshape(1, 8, 2, 3)


def node(operator: str, **attributes: Value) -> ImportedNode:
    return ImportedNode(operator=operator, name="n", inputs=("x",), outputs=("y",), attributes=attributes)


def apply(operator: str, *values: torch.Tensor, **attributes: Value) -> torch.Tensor:
    made = node(operator, **attributes)
    found: torch.Tensor = operator_of(made).make(made)(*values)
    return found


@pytest.mark.parametrize("order", ["DCR", "CRD"])
def test_blocks_of_pixels_go_into_channels_and_back(order: str) -> None:
    pixels = apply("DepthToSpace", MAPS, blocksize=2, mode=order)
    assert pixels.shape == (1, 2, 4, 6)
    assert pixels[0, 0, 0, 1] == MAPS[0, 2 if order == "DCR" else 1, 0, 0]
    assert torch.equal(apply("SpaceToDepth", pixels, blocksize=2, mode=order), MAPS)


def test_places_that_follow_each_other_are_one_part() -> None:
    assert torch.equal(apply("Gather", MAPS, axis=1, indices=[2, 3]), MAPS[:, 2:4])
    assert torch.equal(apply("Gather", MAPS, axis=1, indices=[-1, 0]), MAPS[:, [7, 0]])
    assert torch.equal(apply("Gather", MAPS, axis=3, indices=[-1], scalar=True), MAPS[..., 2])


def test_places_that_another_operation_computes() -> None:
    places = torch.tensor([[0, -1], [1, 1]], dtype=torch.int32)
    assert torch.equal(apply("Gather", MAPS, places, axis=1), MAPS[:, places.long()])
    rows = torch.tensor([[0, -1], [0, 2]])
    assert torch.equal(apply("GatherND", MAPS, rows), MAPS[[0, 0], [7, 2]])
    new = apply("ScatterND", MAPS, rows, torch.zeros(2, 2, 3))
    assert new[0, 2].any() == new[0, 7].any() == False  # noqa: E712  values of torch
    assert torch.equal(new[0, 3:7], MAPS[0, 3:7])


def test_a_map_is_expanded_for_any_number_of_images() -> None:
    gate = torch.rand(3, 8, 1, 1)
    assert apply("Expand", gate, shape=[1, 8, 2, 3]).shape == (3, 8, 2, 3)
    assert apply("Tile", gate, repeats=[1, 2, 1, 3]).shape == (3, 16, 1, 3)


def test_of_equal_values_the_first_comes_first() -> None:
    made = node("TopK", k=[3], axis=-1)
    values, places = reductions.top(made)(torch.tensor([1.0, 2.0, 2.0, 0.0, 2.0]))
    assert (values.tolist(), places.tolist()) == ([2.0, 2.0, 2.0], [1, 2, 4])
    equal = torch.tensor([2.0, 2.0, 0.0])
    assert apply("ArgMax", equal).tolist() == [0]
    assert apply("ArgMax", equal, select_last_index=1, keepdims=0) == 1


def test_sums_along_an_axis() -> None:
    values = torch.tensor([1.0, 2.0, 3.0])
    assert apply("CumSum", values, axis=[0]).tolist() == [1, 3, 6]
    assert apply("CumSum", values, axis=[0], reverse=1, exclusive=1).tolist() == [5, 3, 0]


@pytest.mark.parametrize(
    ("operator", "attributes", "reason"),
    [
        ("TopK", {"k": [2], "sorted": 0}, "sorted is 0"),
        ("GatherND", {"batch_dims": 1}, "batch_dims is set"),
        ("ScatterElements", {"reduction": "mul"}, "reduction is mul"),
        ("GridSample", {"mode": "cubic"}, "mode cubic"),
        ("DepthToSpace", {"blocksize": 2, "mode": "odd"}, "mode is odd"),
        ("Cast", {"to": 16}, "the type 16 of ONNX"),
        ("LRN", {"size": 0}, "size is 0"),
    ],
)
def test_what_has_no_equal_in_torch_is_refused(
    operator: str, attributes: dict[str, Value], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        operator_of(node(operator, **attributes)).make(node(operator, **attributes))


def test_a_grid_reads_between_pixels() -> None:
    grid = torch.zeros(1, 1, 1, 2)
    found = rearrangement.grid_sample(node("GridSample", align_corners=1))(MAPS, grid)
    assert found[0, 0, 0, 0] == MAPS[0, 0, :, 1].mean()
