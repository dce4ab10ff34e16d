"""Tests of reading an ONNX graph's structure: gates, and float nodes between layers."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from edgecnn.backends.onnx.layers import in_float, read_by_gate, read_by_sigmoid

make = onnx.helper


def _graph(*, scaled: bool, watched: bool = False) -> ir.Graph:
    """Two convolutions, a SiLU between them written out, a third behind."""
    weight = onnx.numpy_helper.from_array(np.ones((2, 2, 1, 1), np.float32), "weight")
    scale = onnx.numpy_helper.from_array(np.ones((2, 1, 1, 1), np.float32), "scale")

    def convolution(name: str, source: str, kernel: str = "weight", group: int = 1) -> onnx.NodeProto:
        return make.make_node("Conv", [source, kernel], [f"{name}_out"], name=name, group=group)

    nodes = [convolution("first", "input")]
    if scaled:
        nodes.append(convolution("scaling", "first_out", "scale", 2))
    nodes += [
        make.make_node("Sigmoid", ["scaling_out" if scaled else "first_out"], ["gate"], name="sigmoid"),
        make.make_node("Mul", ["first_out", "gate"], ["silu"], name="product"),
        convolution("second", "silu"),
        make.make_node("Relu", ["second_out"], ["relu"], name="relu"),
        convolution("third", "relu"),
    ]
    names = ["third_out", "first_out"] if watched else ["third_out"]
    shape = [1, 2, 4, 4]
    outputs = [make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in names]
    entrance = make.make_tensor_value_info("input", onnx.TensorProto.FLOAT, shape)
    graph: ir.Graph = ir.from_proto(make.make_graph(nodes, "gated", [entrance], outputs, [weight, scale]))
    return graph


@pytest.mark.parametrize("scaled", [False, True])
def test_the_argument_of_a_gate_is_found_with_and_without_a_scale_inside(scaled: bool) -> None:
    assert read_by_gate(_graph(scaled=scaled)) == {"first_out"}
    assert read_by_sigmoid(_graph(scaled=scaled)) == ({"scaling_out"} if scaled else set())


def test_what_something_else_reads_too_is_no_argument_of_a_gate() -> None:
    assert read_by_gate(_graph(scaled=False, watched=True)) == set()


def test_the_activation_between_two_float_layers_is_float_and_the_one_behind_them() -> None:
    graph = _graph(scaled=False)
    assert in_float(graph, ["first", "second"]) == ["first", "product", "relu", "second", "sigmoid"]
    assert in_float(graph, ["second"]) == ["relu", "second"]
    assert in_float(graph, []) == []
