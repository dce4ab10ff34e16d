"""Reading of small graphs: activations that are joined, weights in torch's layout, names, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError
from edgecnn.models.imported.graph import ImportedGraph
from edgecnn.models.imported.network import ImportedNetwork, reserved_names
from edgecnn.models.imported.onnx_graph import infer_shapes, link
from edgecnn.models.imported.read import read_graph

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx
    from torch import Tensor

    from edgecnn.models.imported.graph import ImportedGraph

FILE = Path("net.onnx")


def read(
    *nodes: onnx.NodeProto, shape: tuple[int, ...] = (1, 3), **constants: npt.NDArray[np.generic]
) -> tuple[ImportedGraph, dict[str, Tensor]]:
    """Read a graph from ``x`` to ``y``."""
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("my.ops", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return read_graph(link(infer_shapes(model, FILE), FILE))


def test_an_activation_of_two_operations_becomes_one() -> None:
    gate, product = helper.make_node("Sigmoid", ["x"], ["g"]), helper.make_node("Mul", ["g", "x"], ["y"])
    assert [node.operator for node in read(gate, product)[0].nodes] == ["Silu"]
    hard = helper.make_node("HardSigmoid", ["x"], ["g"], alpha=1 / 6, beta=0.5)
    assert [node.operator for node in read(hard, product)[0].nodes] == ["HardSwish"]
    other = helper.make_node("HardSigmoid", ["x"], ["g"])
    assert [node.operator for node in read(other, product)[0].nodes] == ["HardSigmoid", "Mul"]
    square = helper.make_node("Mul", ["g", "g"], ["y"])
    assert [node.operator for node in read(gate, square)[0].nodes] == ["Sigmoid", "Mul"]


def test_a_matrix_comes_in_torch_s_layout_with_its_factors() -> None:
    matrix, bias = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([1, 2], np.float32)
    gemm = helper.make_node("Gemm", ["x", "m", "b"], ["y"], name="dense", alpha=2.0, beta=3.0)
    graph, state = read(gemm, m=matrix, b=bias)
    np.testing.assert_array_equal(state["dense.weight"].numpy(), 2 * matrix.T)
    np.testing.assert_array_equal(state["dense.bias"].numpy(), 3 * bias)
    assert graph.nodes[0].attributes == {}
    _, state = read(helper.make_node("MatMul", ["x", "m"], ["y"], name="dense"), m=matrix)
    np.testing.assert_array_equal(state["dense.weight"].numpy(), matrix.T)


def test_a_constant_that_several_operations_read_is_there_once() -> None:
    add, mul = helper.make_node("Add", ["x", "c"], ["a"]), helper.make_node("Mul", ["a", "c"], ["y"])
    graph, state = read(add, mul, c=np.ones(3, np.float32))
    assert [node.operator for node in graph.nodes] == ["Constant", "Add", "Mul"]
    assert list(state) == ["constant_c.value"]


def test_an_exponent_with_more_axes_than_the_base_stays_a_tensor() -> None:
    power = helper.make_node("Pow", ["x", "c"], ["y"])
    assert read(power, c=np.array(2, np.float32))[0].nodes[0].attributes == {"exponent": [2.0]}
    graph, _ = read(power, shape=(), c=np.array([2], np.float32))
    assert [node.operator for node in graph.nodes] == ["Constant", "Pow"]


def test_names_are_those_of_modules() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="/block.0/relu"),
        helper.make_node("Relu", ["a"], ["b"], name="block_0_relu"),
        helper.make_node("Relu", ["b"], ["c"], name="forward"),
        helper.make_node("Relu", ["c"], ["d"], name="0"),
        helper.make_node("Relu", ["d"], ["e"], name="graph"),
        helper.make_node("Relu", ["e"], ["f"], name="steps"),
        helper.make_node("Relu", ["f"], ["y"]),
    ]
    names = [node.name for node in read(*nodes)[0].nodes]
    own = ["forward_1", "node_0", "graph_1", "steps_1"]
    assert names == ["block_0_relu", "block_0_relu_1", *own, "Relu_y"]


def test_no_attribute_of_a_module_is_the_name_of_an_operation() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"], name="graph")]
    graph = read(*nodes)[0]
    taken = dir(ImportedNetwork(graph))
    assert {"graph", "steps", "forward", "training", "_modules"} <= reserved_names() <= set(taken)
    for name in reserved_names():
        if name.isidentifier():
            document = graph.to_json()
            document["nodes"][0]["name"] = name
            with pytest.raises(InputError, match=f"cannot be called '{name}'"):
                ImportedNetwork(ImportedGraph.from_json(document))


@pytest.mark.parametrize(
    ("node", "constants", "reason"),
    [
        (helper.make_node("Odd", ["x"], ["y"], name="n", domain="my.ops"), {}, "n is my.ops.Odd"),
        (helper.make_node("Relu", ["x"], ["y"], name="n", alpha=1.0), {}, "its setting alpha is not known"),
        (
            helper.make_node("Add", ["x", "c"], ["y"], name="n"),
            {"c": np.ones(3, np.float64)},
            "holds DOUBLE, not float32",
        ),
        (
            helper.make_node("Gemm", ["x", "m", "b"], ["y"], name="n"),
            {"m": np.ones((3, 2), np.float32), "b": np.ones(3, np.float32)},
            "its bias",
        ),
    ],
)
def test_what_is_not_known_is_refused_by_name(
    node: onnx.NodeProto, constants: dict[str, npt.NDArray[np.generic]], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        read(node, shape=(1, 3), **constants)
