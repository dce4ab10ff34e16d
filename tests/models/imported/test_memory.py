"""Imported networks whose tensors would fill the memory are refused before anything is executed."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError
from edgecnn.core.this_process import peak_memory_bytes
from edgecnn.models.build import build
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue

SIDE = 16


def write_file(file: Path, node: onnx.NodeProto, *constants: tuple[str, Any]) -> Path:
    """Write a convolution of 4 maps ``c``, and an operation behind it that computes ``y``."""
    kernel = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["c"]), node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [kernel, *(numpy_helper.from_array(value, name) for name, value in constants)],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), file)
    return file


GROWING: dict[str, tuple[onnx.NodeProto, list[tuple[str, Any]]]] = {
    "Resize": (
        helper.make_node("Resize", ["c", "", "s"], ["y"], mode="nearest"),
        [("s", np.array([1, 1, 700, 700], np.float32))],
    ),
    "Pad": (
        helper.make_node("Pad", ["c", "s"], ["y"]),
        [("s", np.array([0, 0, 30000, 30000, 0, 0, 0, 0]))],
    ),
    "Tile": (helper.make_node("Tile", ["c", "s"], ["y"]), [("s", np.array([1, 1, 2000, 2000]))]),
    "Expand": (
        helper.make_node("Expand", ["c", "s"], ["y"]),
        [("s", np.array([3000000, 4, SIDE - 2, SIDE - 2]))],
    ),
    "ConstantOfShape": (
        helper.make_node("ConstantOfShape", ["s"], ["y"]),
        [("s", np.array([1, 40000, 40000]))],
    ),
    "ConvTranspose": (
        helper.make_node("ConvTranspose", ["c", "k"], ["y"], strides=[3000, 3000]),
        [("k", np.ones((4, 1, 2, 2), np.float32))],
    ),
    "Conv": (
        helper.make_node("Conv", ["c", "k"], ["y"], pads=[40000] * 4),
        [("k", np.ones((4, 4, 1, 1), np.float32))],
    ),
}


@pytest.mark.parametrize("operator", GROWING)
def test_a_file_that_asks_for_too_much_is_refused(tmp_path: Path, operator: str) -> None:
    node, constants = GROWING[operator]
    file = write_file(tmp_path / "net.onnx", node, *constants)
    before = peak_memory_bytes()
    with pytest.raises(InputError, match=rf"{operator} y computes a tensor of .* GiB .* limit is 1 GiB"):
        import_onnx(file)
    assert peak_memory_bytes() - before < 1 << 28


def test_many_tensors_that_are_each_within_the_limit_are_refused(tmp_path: Path) -> None:
    file = write_file(tmp_path / "net.onnx", helper.make_node("Relu", ["last"], ["y"]))
    model = onnx.load_model(file)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, 500, 500], np.float32), "s"))
    names = ["c", *(f"t{number}" for number in range(6)), "last"]
    nodes = [helper.make_node("Resize", ["c", "", "s"], ["t0"], mode="nearest")]
    nodes += [helper.make_node("Relu", [a], [b]) for a, b in pairwise(names[1:])]
    last = model.graph.node.pop()
    model.graph.node.extend([*nodes, last])
    onnx.save(model, file)
    with pytest.raises(InputError, match=r"the tensors for one image have .* the limit is 4 GiB"):
        import_onnx(file)


def spec_of(operator: str, weights: dict[str, list[int]] | None = None, **attributes: Any) -> ModelSpec:
    node: JsonValue = {
        "operator": operator,
        "name": "n",
        "inputs": ["i"],
        "outputs": ["o"],
        "attributes": attributes,
        "weights": {name: [*shape] for name, shape in (weights or {}).items()},
    }
    graph: JsonValue = {"input": "i", "outputs": ["o"], "nodes": [node]}
    return ModelSpec(
        builder="onnx:net", contract=Contract(SIDE, SIDE), classes=("a",), arguments={"graph": graph}
    )


WHOLE: dict[str, Any] = {"scales": [1.0, 1.0, 4000.0, 4000.0], "into": [SIDE, SIDE], "out": [64000, 64000]}
FROM_A_SPEC: dict[str, ModelSpec] = {
    "Resize": spec_of("Resize", mode="nearest", scales=[1.0, 1.0, 2000.0, 2000.0]),
    "Resize by a matrix": spec_of("Resize", mode="linear", **{**WHOLE, "into": [64000, 64000]}),
    "Resize by places": spec_of("Resize", mode="nearest", **{**WHOLE, "out": [1 << 40, 1 << 40]}),
    "Pad": spec_of("Pad", pads=[0, 0, 30000, 30000, 0, 0, 0, 0]),
    "Conv that pads within itself": spec_of(
        "Conv", {"weight": [1, 3, 1, 1]}, pads=[40000, 40000, 0, 0], strides=[60000, 60000]
    ),
    "AveragePool": spec_of(
        "AveragePool", kernel_shape=[2, 2], pads=[1 << 20] * 4, size=[SIDE, SIDE], counted=[0, 0, 0, 0]
    ),
}


@pytest.mark.parametrize("what", FROM_A_SPEC)
def test_a_graph_in_a_spec_that_asks_for_too_much_is_refused(what: str) -> None:
    before = peak_memory_bytes()
    with pytest.raises(InputError, match="the limit is"):
        build(FROM_A_SPEC[what])
    assert peak_memory_bytes() - before < 1 << 28


def test_a_network_within_the_limits_is_built() -> None:
    module = build(spec_of("Conv", {"weight": [4, 3, 3, 3]}, pads=[1, 0, 1, 1]))
    assert {value.device.type for value in module.parameters()} == {"cpu"}
