"""Names of the tensors of a converted TFLite file."""

from __future__ import annotations

from onnx import TensorProto, helper

from edgecnn.models.tensorflow.worker.tflite_file import name_activations


def test_the_result_of_a_joined_activation_has_the_name_in_the_file() -> None:
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["conv"]),
        helper.make_node("Max", ["conv", "zero"], ["Max__1:0"]),
        helper.make_node("Min", ["Max__1:0", "six"], ["Min__2:0"]),
        helper.make_node("Conv", ["Min__2:0", "w"], ["second"]),
        helper.make_node("Relu", ["second"], ["own"]),
        helper.make_node("Add", ["second", "own"], ["sum"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "net",
        [value("image", TensorProto.FLOAT, None)],
        [value("sum", TensorProto.FLOAT, None)],
        value_info=[value("conv", TensorProto.FLOAT, None), value("Min__2:0", TensorProto.FLOAT, None)],
    )
    name_activations(graph, {"image", "conv", "second", "own", "sum"})
    outputs = [node.output[0] for node in graph.node]
    assert outputs == ["conv/before", "Max__1:0", "conv", "second", "own", "sum"]
    assert [node.input[0] for node in graph.node][1:4] == ["conv/before", "Max__1:0", "conv"]
    assert [entry.name for entry in graph.value_info] == ["conv/before", "conv"]
