"""An ONNX file that defines a name twice is refused, as libraries take different definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.imported.names import check_definitions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def model() -> onnx.ModelProto:
    """A network of a convolution and an If, whose branches both compute ``inner``."""
    inner = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
    branches = {
        f"{name}_branch": helper.make_graph([helper.make_node("Neg", ["c"], ["inner"])], name, [], [inner])
        for name in ("then", "else")
    }
    kernel = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("If", ["b"], ["y"], **branches)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [kernel, numpy_helper.from_array(np.array(True), "b")],
    )
    function = helper.make_function(
        "own", "F", ["x"], ["y"], [helper.make_node("Neg", ["x"], ["y"])], [helper.make_opsetid("", 17)]
    )
    return helper.make_model(
        graph, functions=[function], opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )


def branch(made: onnx.ModelProto) -> onnx.GraphProto:
    return made.graph.node[1].attribute[0].g


def constant(name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(np.zeros((4, 3, 3, 3), np.float32), name)


TWICE: dict[str, tuple[Callable[[onnx.ModelProto], object], str]] = {
    "two constants": (lambda made: made.graph.initializer.append(constant("w")), "constant tensor 'w'"),
    "a constant and a result": (lambda made: made.graph.initializer.append(constant("c")), "tensor 'c'"),
    "two results": (lambda made: made.graph.node.append(helper.make_node("Neg", ["x"], ["c"])), "tensor 'c'"),
    "two results of one node": (
        lambda made: made.graph.node.append(helper.make_node("Split", ["x"], ["p", "p"])),
        "tensor 'p'",
    ),
    "a result and an input": (
        lambda made: made.graph.node.append(helper.make_node("Neg", ["w"], ["x"])),
        "tensor 'x'",
    ),
    "two inputs": (lambda made: made.graph.input.append(made.graph.input[0]), "input 'x'"),
    "two constants in a branch": (
        lambda made: branch(made).initializer.extend([constant("k"), constant("k")]),
        "constant tensor 'k'",
    ),
    "a branch and the graph around it": (
        lambda made: branch(made).initializer.append(constant("w")),
        "tensor 'w'",
    ),
    "two results in a branch": (
        lambda made: branch(made).node.append(helper.make_node("Neg", ["x"], ["inner"])),
        "tensor 'inner'",
    ),
    "a result in a function": (
        lambda made: made.functions[0].node.append(helper.make_node("Neg", ["x"], ["y"])),
        "tensor 'y'",
    ),
    "two functions": (lambda made: made.functions.append(made.functions[0]), "function 'own::F::'"),
    "two attributes": (
        lambda made: made.graph.node[0].attribute.extend(
            [helper.make_attribute("pads", [0] * 4), helper.make_attribute("pads", [1] * 4)]
        ),
        "attribute of 'Conv', 'pads'",
    ),
}


@pytest.mark.parametrize("what", TWICE)
def test_a_name_that_is_defined_twice_is_refused_in_one_line(tmp_path: Path, what: str) -> None:
    made, (damage, named) = model(), TWICE[what]
    damage(made)
    file = tmp_path / "net.onnx"
    file.write_bytes(made.SerializeToString())
    with pytest.raises(InputError, match=f"net.onnx is refused: it defines the {named} twice") as caught:
        import_onnx(file)
    assert "\n" not in str(caught.value)


def test_a_long_name_is_shortened(tmp_path: Path) -> None:
    made = model()
    made.graph.initializer.extend([constant("k" * 3000), constant("k" * 3000)])
    with pytest.raises(InputError) as caught:
        check_definitions(made, tmp_path / "net.onnx")
    assert len(str(caught.value)) < 300


def test_names_that_only_seem_to_be_defined_twice_are_read(tmp_path: Path) -> None:
    """A default value of an input, omitted results, and results of branches that are called as the node's."""
    made = model()
    made.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3, 3, 3]))
    made.graph.node.append(helper.make_node("Dropout", ["c"], ["d", ""]))
    made.graph.node.append(helper.make_node("Dropout", ["d"], ["e", ""]))
    made.graph.node[1].output[0] = "inner"
    check_definitions(made, tmp_path / "net.onnx")
