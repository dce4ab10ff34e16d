"""Tests of constants whose sizes come from values that shape inference does not compute."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError
from edgecnn.models.imported.importer import import_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import NodeProto

MOST_S = 5.0
SIZES = {
    "huge": np.array([1 << 17, 1 << 17]),
    "wide": np.array([8192, 8192]),
    "small": np.array([2, 2]),
    "eight": np.array([8, 8]),
    "count": np.array([1 << 34]),
    "scalar": np.array(1 << 34),
    "pads": np.array([0, 0, 1 << 17, 1 << 17]),
    "length": np.array(4),
}
CONSTANTS = {
    "one": np.array(1),
    "zero": np.array(0),
    "value": np.ones((1, 1), np.float32),
    "pair": np.array([0.0, 1.0], np.float32),
    "index": np.array([0, 1]),
    "ones": np.array([1, 1]),
}


def file_of(folder: Path, nodes: list[NodeProto]) -> Path:
    """Write a classifier that adds the mean of a tensor ``z`` to its scores; each size comes from a Div."""
    sizes = [helper.make_node("Div", [f"{name}_given", "one"], [name]) for name in SIZES]
    values = {**CONSTANTS, **{f"{name}_given": value for name, value in SIZES.items()}}
    values["weight"] = np.ones((2, 3, 1, 1), np.float32)
    ends = [
        helper.make_node("Cast", ["z"], ["zf"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["zf"], ["mean"], keepdims=0),
        helper.make_node("Conv", ["x", "weight"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Add", ["f", "mean"], ["y"]),
    ]
    graph = helper.make_graph(
        [*sizes, *nodes, *ends],
        "sizes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "sizes.onnx")
    return folder / "sizes.onnx"


def node(kind: str, *inputs: str, output: str = "z", **settings: object) -> NodeProto:
    """Return an operation with one result."""
    return helper.make_node(kind, inputs, [output], **settings)


def filled(size: str, output: str = "z") -> NodeProto:
    """Return the operation that fills a tensor of a size with a small number."""
    return node(
        "ConstantOfShape", size, output=output, value=numpy_helper.from_array(np.array([1e-4], np.float32))
    )


HOSTILE = {
    "ConstantOfShape": [filled("huge")],
    "Expand": [node("Expand", "value", "huge")],
    "Tile": [node("Tile", "value", "huge")],
    "Pad": [node("Pad", "value", "pads")],
    "OneHot": [node("OneHot", "index", "scalar", "pair")],
    "Resize": [
        node("Unsqueeze", "value", "index", output="image"),
        node("Concat", "ones", "huge", output="sizes", axis=0),
        node("Resize", "image", "", "", "sizes"),
    ],
    "Reshape of a large constant": [filled("huge", "large"), node("Reshape", "large", "huge")],
    "a branch": [
        node("Cast", "length", output="yes", to=TensorProto.BOOL),
        helper.make_node(
            "If",
            ["yes"],
            ["z"],
            then_branch=helper.make_graph(
                [filled("huge", "a")], "a", [], [helper.make_tensor_value_info("a", 1, None)]
            ),
            else_branch=helper.make_graph(
                [filled("small", "b")], "b", [], [helper.make_tensor_value_info("b", 1, None)]
            ),
        ),
    ],
    "60 products": [
        filled("wide", "m0"),
        *(node("MatMul", f"m{place}", "m0", output=f"m{place + 1}") for place in range(60)),
        node("Identity", "m60"),
    ],
    "the size of a large constant's values": [
        filled("wide", "large"),
        node("NonZero", "large", output="where"),
        node("Shape", "where", output="shape"),
        filled("shape"),
    ],
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_constant_that_is_too_large_is_refused_before_it_is_computed(name: str, tmp_path: Path) -> None:
    started = time.process_time()
    with pytest.raises(InputError) as refused:
        import_onnx(file_of(tmp_path, HOSTILE[name]))
    assert time.process_time() - started < MOST_S
    assert "sizes.onnx" in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize("count", [1 << 21, 1 << 34])
def test_a_long_list_of_whole_numbers_is_refused_before_it_is_followed(count: int, tmp_path: Path) -> None:
    file = file_of(tmp_path, [helper.make_node("Range", ["zero", "end", "one"], ["z"])])
    model = onnx.load(file)
    model.graph.initializer.append(numpy_helper.from_array(np.array(count), "end"))
    onnx.save(model, file)
    started = time.process_time()
    with pytest.raises(InputError, match=f"a list of {count:,} whole numbers") as caught:
        import_onnx(file)
    assert time.process_time() - started < MOST_S
    assert caught.value.hint


@pytest.mark.parametrize(
    "nodes",
    [
        [filled("eight")],
        [node("Range", "zero", "length", "one")],
        [node("OneHot", "index", "length", "pair")],
    ],
    ids=["ConstantOfShape", "Range", "OneHot"],
)
def test_small_constants_of_such_sizes_are_folded(nodes: list[NodeProto], tmp_path: Path) -> None:
    assert {node.operator for node in import_onnx(file_of(tmp_path, nodes)).graph.nodes} >= {"Conv"}
