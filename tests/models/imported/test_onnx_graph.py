"""Tests of the refusal of invalid graphs, and of cutting parts out of graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError
from edgecnn.models.imported.onnx_graph import (
    constant,
    cut,
    infer_shapes,
    link,
    maker,
    name_of,
    shape_of,
    stored,
)

FILE = Path("net.onnx")


def model(*nodes: onnx.NodeProto, outputs: tuple[str, ...] = ("y",)) -> onnx.ModelProto:
    """A graph from ``x`` to some tensors, with one initializer ``two``."""
    entrance = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "height"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    two = numpy_helper.from_array(np.array([2], np.float32), "two")
    graph = helper.make_graph(list(nodes), "test", [entrance], ends, [two])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def external() -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.array([1], np.float32), "outside")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def body(reads: str) -> onnx.GraphProto:
    """A branch of an If, which reads a tensor of the graph around it."""
    result = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node("Neg", [reads], ["inner"])], "branch", [], [result])


def test_nodes_are_put_in_an_order_of_execution() -> None:
    linked = link(model(helper.make_node("Neg", ["a"], ["y"]), helper.make_node("Relu", ["x"], ["a"])), FILE)
    assert [node.op_type for node in linked.graph] == ["Relu", "Neg"]


def test_shapes_are_inferred_of_nodes_in_any_order() -> None:
    nodes = [
        helper.make_node("Unsqueeze", ["x", "axis"], ["a"]),
        helper.make_node("Concat", ["a", "a"], ["b"], axis=1),
        helper.make_node("Neg", ["b"], ["y"]),
    ]
    for order in (nodes, nodes[::-1], [nodes[1], nodes[0], nodes[2]]):
        content = model(*order)
        content.graph.initializer.append(numpy_helper.from_array(np.array([1]), "axis"))
        inferred = infer_shapes(content, FILE)
        assert [node.op_type for node in inferred.graph.node] == ["Unsqueeze", "Concat", "Neg"]
        linked = link(inferred, FILE)
        assert shape_of(linked.graph.outputs[0]) == (1, 2, -1)


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([helper.make_node("Neg", ["y"], ["y"])], "contains a cycle"),
        ([helper.make_node("Neg", ["x"], ["y"]), helper.make_node("Relu", ["x"], ["y"])], "redeclared"),
        ([helper.make_node("Add", ["x", "nothing"], ["y"])], "a tensor that no operation computes: nothing"),
        ([helper.make_node("Constant", [], ["y"])], "does not have one value"),
        ([helper.make_node("Constant", [], ["y"], value=external())], "keeps its weights in another file"),
        (
            [helper.make_node("If", ["x"], ["y"], then_branch=body("x"), else_branch=body("nothing"))],
            "a tensor that no operation computes: nothing",
        ),
    ],
)
def test_what_is_no_graph_is_refused_in_one_line(nodes: list[onnx.NodeProto], reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        link(model(*nodes), FILE)
    assert str(caught.value).startswith("net.onnx")
    assert "\n" not in str(caught.value)


def test_names_that_are_not_utf_8_are_refused() -> None:
    content = model(helper.make_node("Relu", ["x"], ["y"], name="relu")).SerializeToString()
    damaged = onnx.load_from_string(content.replace(b"relu", b"r\xffl\xff"))
    with pytest.raises(InputError, match="no valid graph"):
        link(damaged, FILE)


def test_a_part_keeps_what_its_subgraphs_read() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Abs", ["x"], ["unread"]),
        helper.make_node("If", ["x"], ["b"], then_branch=body("a"), else_branch=body("two")),
        helper.make_node("Neg", ["b"], ["y"]),
    ]
    part = cut(link(model(*nodes), FILE), ["b"]).graph
    assert [node.op_type for node in part] == ["Relu", "If"]
    assert list(part.initializers) == ["two"]
    assert [name_of(value) for value in part.outputs] == ["b"]


def test_values_say_what_they_are() -> None:
    linked = link(
        model(
            helper.make_node(
                "Constant", [], ["three"], value=numpy_helper.from_array(np.array([3], np.float32))
            ),
            helper.make_node("Add", ["two", "three"], ["five"]),
            helper.make_node("Resize", ["x", "", "five"], ["y"]),
        ),
        FILE,
    )
    resize = linked.graph[-1]
    image, left_out, scales = resize.inputs
    assert [name_of(value) for value in resize.inputs] == ["x", "", "five"]
    assert (shape_of(image), shape_of(left_out), shape_of(scales)) == ((1, -1), (), ())
    add = maker(scales, "Mul", "Add")
    assert add is not None
    assert [stored(value).tolist() for value in add.inputs] == [[2], [3]]
    assert maker(scales, "Mul") is None
    assert constant(scales) is None
    with pytest.raises(InputError, match="'five' must be a constant"):
        stored(scales)


def test_a_changed_copy_leaves_the_whole_alone() -> None:
    whole = link(model(helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Neg", ["a"], ["y"])), FILE)
    before = ir.to_proto(whole).SerializeToString()
    cut(whole, ["a"]).graph[0].op_type = "Abs"
    assert ir.to_proto(whole).SerializeToString() == before


def test_weights_that_old_files_list_among_the_inputs_are_no_inputs_of_a_part() -> None:
    old = model(helper.make_node("Add", ["x", "two"], ["a"]), helper.make_node("Neg", ["a"], ["y"]))
    old.graph.input.append(helper.make_tensor_value_info("two", TensorProto.FLOAT, [1]))
    part = cut(link(old, FILE), ["a"]).graph
    assert [name_of(value) for value in part.inputs] == ["x"]
    assert list(part.initializers) == ["two"]
