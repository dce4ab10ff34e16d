"""Rewrites of quantized graphs, one pass at a time, on graphs of a few nodes."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_ir.passes.common import RemoveUnusedNodesPass

from edgecnn.backends.onnx.rewrite import AnswerInFloat, KeepInFloat, PadPools, rewrite


def quantized(*, watched: bool = False) -> onnx.ModelProto:
    """A convolution and a dense layer with pairs around them; where watched, the dense one is read twice."""
    constants = {
        "scale": np.float32(0.1),
        "zero": np.uint8(128),
        "kernel": np.ones((4, 2, 1, 1), np.float32),
        "matrix": np.ones((4, 3), np.float32),
    }
    grid = ["scale", "zero"]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", *grid], ["x_q"], name="q0"),
        helper.make_node("DequantizeLinear", ["x_q", *grid], ["x_dq"], name="dq0"),
        helper.make_node("Conv", ["x_dq", "kernel"], ["c"], name="conv"),
        helper.make_node("Flatten", ["c"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "matrix"], ["g"], name="dense"),
        helper.make_node("QuantizeLinear", ["g", *grid], ["g_q"], name="q1"),
        helper.make_node("DequantizeLinear", ["g_q", *grid], ["y"], name="dq1"),
    ]
    ends = ["y", "twice"] if watched else ["y"]
    if watched:
        nodes.append(helper.make_node("Relu", ["g"], ["twice"], name="relu"))
    graph = helper.make_graph(
        nodes,
        "quantized",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 1, 1])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in ends],
        [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_a_layer_in_float_reads_an_input_with_one_scale_a_channel() -> None:
    model = quantized()
    rewrite(model, KeepInFloat(["conv"]))
    own, conv = model.graph.node[2:4]
    assert (own.op_type, conv.name, list(conv.input)) == ("DequantizeLinear", "conv", ["x_dq/conv", "kernel"])
    assert list(own.input) == ["x_q", "scale/conv", "zero/conv"]
    grid = {item.name: numpy_helper.to_array(item).tolist() for item in model.graph.initializer[-2:]}
    assert grid == {"scale/conv": [np.float32(0.1)] * 2, "zero/conv": [128] * 2}
    onnx.checker.check_model(model, full_check=True)


def test_a_dense_layer_at_the_end_loses_its_pair() -> None:
    model = quantized()
    rewrite(model, AnswerInFloat(), RemoveUnusedNodesPass())
    assert [node.name for node in model.graph.node] == ["q0", "dq0", "conv", "flatten", "dense"]
    assert list(model.graph.node[-1].output) == ["y"]
    onnx.checker.check_model(model, full_check=True)


def test_a_dense_layer_that_something_else_reads_keeps_its_pair() -> None:
    model = quantized(watched=True)
    before = model.SerializeToString()
    rewrite(model, AnswerInFloat(), RemoveUnusedNodesPass())
    assert model.SerializeToString() == before


@pytest.mark.parametrize("watched", [False, True])
def test_fields_that_a_rewrite_does_not_concern_keep_their_bytes(watched: bool) -> None:
    model = quantized(watched=watched)
    model.producer_name = "test"
    model.graph.value_info.add(name="nothing has this name")
    helper.set_model_props(model, {"b": "1", "a": "2"})
    before = model.SerializeToString()
    rewrite(model, KeepInFloat([]))
    assert model.SerializeToString() == before


def pooled(kernel: int, stride: int, pads: list[int], *, counts: bool) -> onnx.ModelProto:
    """An average pool that rounds its size up."""
    node = helper.make_node(
        "AveragePool",
        ["x"],
        ["y"],
        kernel_shape=[kernel] * 2,
        strides=[stride] * 2,
        pads=pads,
        ceil_mode=1,
        count_include_pad=int(counts),
    )
    graph = helper.make_graph(
        [node],
        "pooled",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 12, 11])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (5, 2), (5, 3), (3, 1)])
@pytest.mark.parametrize(("pads", "counts"), [([0] * 4, True), ([0] * 4, False), ([1, 0, 1, 1], False)])
def test_incomplete_windows_are_padding_that_does_not_count(
    kernel: int, stride: int, pads: list[int], counts: bool
) -> None:
    model = pooled(kernel, stride, pads, counts=counts)
    image = np.random.default_rng(0).normal(size=(1, 2, 12, 11)).astype(np.float32)
    want = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": image})[0]
    rewrite(model, PadPools())
    assert {item.name: item.i for item in model.graph.node[0].attribute if item.name == "ceil_mode"} == {
        "ceil_mode": 0
    }
    have = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": image})[0]
    np.testing.assert_allclose(have, want, atol=1e-6)


def test_a_pool_that_counts_its_padding_is_left_alone() -> None:
    model = pooled(3, 2, [1] * 4, counts=True)
    before = model.SerializeToString()
    rewrite(model, PadPools())
    assert model.SerializeToString() == before
