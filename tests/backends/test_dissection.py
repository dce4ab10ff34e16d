"""The division of an int8 network into pieces, on small graphs that are written down here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgecnn.backends.dissection import (
    INPUT,
    Dissection,
    GraphNode,
    Grid,
    ProbePoint,
    Values,
    Wiring,
    main_of,
    pieces,
    require_one_input,
)
from edgecnn.backends.worker.runtime import Execution
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from edgecnn.backends.dissection import Cut

GRID = Grid(np.array(-1, np.float32), np.array(1, np.float32), 255)


@dataclass(frozen=True)
class Drawn:
    """A graph that only has a structure, as one of a format that cuts nothing out."""

    nodes: tuple[GraphNode, ...]
    input: str
    outputs: tuple[str, ...]
    file: Path = Path("drawn")

    def size(self, tensor: str) -> int:
        return len(tensor)

    def cut(self, inputs: Sequence[str], outputs: Sequence[str], execution: Execution) -> Cut:
        raise NotImplementedError

    def weights(self, node: str) -> Values | None:
        raise NotImplementedError(node)


def node(name: str, operation: str, *inputs: str, weighted: bool = False) -> GraphNode:
    """Return an operation whose output has its name in lower case."""
    return GraphNode(name, operation, inputs, (name.lower(),), weighted)


def point(key: str, entry: str, counterpart: str) -> ProbePoint:
    return ProbePoint(key, entry, counterpart, GRID, 1)


FLOAT = Drawn(
    (
        node("C", "Conv", "x", weighted=True),
        node("R", "Relu", "c"),
        node("S", "Sigmoid", "r"),
        node("A", "Add", "s", "r"),
    ),
    "x",
    ("a",),
)
INT8 = Drawn(
    (
        node("XQ", "Quantize", "image"),
        node("C", "Conv", "xq", weighted=True),
        node("CQ", "Quantize", "c"),
        node("S", "Sigmoid", "cq"),
        node("SQ", "Quantize", "s"),
        node("A", "Add", "sq", "cq"),
    ),
    "image",
    ("a",),
)
POINTS = (point("xq", "image", "x"), point("cq", "c", "r"), point("sq", "s", "s"))


def test_a_piece_reaches_from_points_to_the_next_one_in_both_files() -> None:
    quantizer, conv, sigmoid, add = pieces(Dissection("NCHW", INT8, FLOAT, POINTS))
    assert (quantizer.name, quantizer.operation, quantizer.float_nodes) == (INPUT, INPUT, ())
    assert [found.name for found in conv.nodes] == ["C", "CQ"]
    assert (conv.name, conv.operation, conv.float_inputs) == ("C", "Conv+Relu", ("x",))
    assert [source.key for source in conv.inputs] == ["xq"]
    assert (sigmoid.operation, sigmoid.float_inputs) == ("Sigmoid", ("r",))
    assert sorted(source.key for source in add.inputs) == ["cq", "sq"]
    assert sorted(add.float_inputs) == ["r", "s"]
    assert (add.output.key, add.output.grid, add.output.counterpart) == ("a", None, "a")


def test_operations_without_a_counterpart_belong_to_the_next_piece() -> None:
    found = pieces(Dissection("NCHW", INT8, FLOAT, (POINTS[0], POINTS[2])))
    assert [piece.operation for piece in found] == [INPUT, "Conv+Relu+Sigmoid", "Conv+Relu+Add"]
    assert [made.name for made in found[1].nodes] == ["C", "CQ", "S", "SQ"]


def test_the_image_is_the_first_point_and_outputs_are_points() -> None:
    made = Dissection("NHWC", INT8, FLOAT, POINTS)
    assert [found.key for found in made.points] == ["image", "xq", "cq", "sq", "a"]
    assert [found.key for found in made.outputs] == ["a"]
    entrance = node("Image", "QUANTIZE", "image")
    assert Dissection("NHWC", INT8, FLOAT, POINTS, entrance).nodes == (entrance, *INT8.nodes)


def test_a_float_file_has_no_pieces() -> None:
    with pytest.raises(InputError, match="holds no quantized tensor"):
        pieces(Dissection("NCHW", FLOAT, FLOAT, ()))


def test_files_of_other_numbers_of_outputs_are_of_two_networks() -> None:
    two = Drawn(FLOAT.nodes, "x", ("a", "s"))
    with pytest.raises(InputError, match=r"has 2 outputs and drawn has 1: .* of another network"):
        Dissection("NCHW", INT8, two, POINTS)


@pytest.mark.parametrize("count", [0, 2])
def test_only_networks_of_one_image_are_divided(count: int) -> None:
    with pytest.raises(InputError, match=f"net has {count} inputs"):
        require_one_input(Path("net"), ["x"] * count)


def test_a_target_is_computed_even_if_it_is_known() -> None:
    wiring = Wiring(FLOAT.nodes)
    nodes, read = wiring.behind(["s"], ["s", "r"])
    assert ([made.name for made in nodes], read) == (["S"], ("r",))
    nodes, read = wiring.behind(["a"], [])
    assert [made.name for made in nodes] == ["C", "R", "S", "A"], "each once, in their order of execution"
    assert read == ("x",)
    assert wiring.behind(["x"], []) == ((), ()), "nothing computes the image"


def test_a_piece_is_named_after_what_has_weights() -> None:
    pad, conv = node("P", "Pad", "x"), node("C", "Conv", "p", weighted=True)
    assert main_of([pad, conv]) is conv
    assert main_of([pad]) is pad


def test_a_grid_has_one_step_a_channel_and_clips_at_its_ends() -> None:
    low, high = np.array([[-1.0], [0.0]], np.float32), np.array([[1.0], [8.0]], np.float32)
    grid = Grid(low, high, 5)
    assert grid.step.ravel().tolist() == [0.5, 2.0]
    snapped = grid.snap(np.array([[-9, 0.3, 0.8], [-9, 0.8, 99]], np.float32))
    assert snapped.tolist() == [[-1, 0.5, 1], [0, 0, 8]]
