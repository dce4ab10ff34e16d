"""Tests of reading a TFLite graph's structure: concatenations and gates."""

from __future__ import annotations

from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgecnn.backends.tflite.flatbuffer import write_model
from edgecnn.backends.tflite.layers import concatenations, read_by_gate, read_by_sigmoid
from edgecnn.core.errors import InputError
from edgecnn.quantization.concat_ranges import Concatenation, refuse_conflicts
from edgecnn.quantization.ranges import Observations

OPERATORS = {
    "conv": schema.BuiltinOperator.CONV_2D,
    "depthwise": schema.BuiltinOperator.DEPTHWISE_CONV_2D,
    "logistic": schema.BuiltinOperator.LOGISTIC,
    "mul": schema.BuiltinOperator.MUL,
    "concat": schema.BuiltinOperator.CONCATENATION,
}
_WEIGHTS = {"conv": ("weights",), "depthwise": ("weights",)}
Operation = tuple[str, tuple[str, ...], str]


def _file(folder: Path, *operations: Operation, outputs: tuple[str, ...]) -> Path:
    """Write a graph of operations, each a kind, what it reads and what it writes; it is never executed."""
    named = dict.fromkeys(name for _, read, written in operations for name in (*read, written))
    names = [*named, "weights"]
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.subgraphs = 3, [schema.BufferT()], [graph]
    model.operatorCodes = [_code(number) for number in OPERATORS.values()]
    graph.tensors = [_tensor(name) for name in names]
    graph.operators = [
        _operator(
            kind, [names.index(name) for name in (*read, *_WEIGHTS.get(kind, ()))], names.index(written)
        )
        for kind, read, written in operations
    ]
    graph.inputs, graph.outputs = [0], [names.index(name) for name in outputs]
    write_model(model, folder / "graph.tflite")
    return folder / "graph.tflite"


def _code(number: int) -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = number
    return code


def _tensor(name: str) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name.encode(), [1, 4, 4, 2], 0
    return tensor


def _operator(kind: str, read: list[int], written: int) -> schema.OperatorT:
    operator = schema.OperatorT()
    operator.opcodeIndex = list(OPERATORS).index(kind)
    operator.inputs, operator.outputs = read, [written]
    return operator


def test_a_concatenation_is_found_and_parts_that_one_scale_cannot_hold_are_refused(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        ("conv", ("input",), "boxes"),
        ("conv", ("input",), "scores"),
        ("concat", ("boxes", "scores"), "joined"),
        outputs=("joined",),
    )
    assert concatenations(file) == [Concatenation("joined", ("boxes", "scores"))]
    spans = {"input": (0.0, 1.0), "boxes": (0.0, 416.0), "scores": (0.0, 1.0), "joined": (0.0, 416.0)}
    with pytest.raises(InputError, match=r"joined joins boxes, which spans 0\.\.416, with scores"):
        refuse_conflicts(Observations.gather([spans]), concatenations(file))
    refuse_conflicts(Observations.gather([spans | {"boxes": (0.0, 4.0)}]), concatenations(file))


@pytest.mark.parametrize("scaled", [False, True])
def test_the_argument_of_a_gate_is_found_with_and_without_a_scale_inside(
    scaled: bool, tmp_path: Path
) -> None:
    argument: tuple[Operation, ...] = (("depthwise", ("value",), "argument"),) if scaled else ()
    operations: tuple[Operation, ...] = (
        ("conv", ("input",), "value"),
        *argument,
        ("logistic", ("argument" if scaled else "value",), "gate"),
        ("mul", ("value", "gate"), "silu"),
        ("conv", ("silu",), "output"),
    )
    file = _file(tmp_path, *operations, outputs=("output",))
    assert read_by_gate(file) == {"value"}
    assert read_by_sigmoid(file) == ({"argument"} if scaled else set())
    shown = _file(tmp_path, *operations, outputs=("output", "value"))
    assert read_by_gate(shown) == set(), "an output keeps its whole range"
