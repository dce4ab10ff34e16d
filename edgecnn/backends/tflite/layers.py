"""The operators of a TFLite file, with their multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.backends.tflite.flatbuffer import (
    WEIGHTED,
    element_count,
    operator_name,
    read_model,
    shape_of,
    type_name,
)
from edgecnn.quantization.concat_ranges import Concatenation

if TYPE_CHECKING:
    from pathlib import Path


INTEGERS = ("int8", "uint8", "int16")
"""Types of quantized values."""


@dataclass(frozen=True)
class TfliteLayer:
    """An operator of a file.

    Attributes:
        operator: Its name in the schema, such as ``CONV_2D``.
        output: Name of its first output tensor, which names the layer.
        macs: Multiply-accumulates of one inference; 0 without weights.
        integer: Whether it computes integers.
    """

    operator: str
    output: str
    macs: int
    integer: bool


def layers(file: Path) -> list[TfliteLayer]:
    """Return the operators of a file's first graph, in their order of execution.

    Raises:
        InputError: The file is not TFLite, or it is truncated or damaged.
    """
    return layers_of(read_model(file))


def layers_of(model: Any) -> list[TfliteLayer]:
    """Return the operators of a read model's first graph, in their order of execution."""
    graph = model.subgraphs[0]
    found = []
    for operator in graph.operators:
        name = operator_name(model, operator)
        output = graph.tensors[operator.outputs[0]]
        macs = _macs(name, graph, operator, output)
        integer = type_name(output) in INTEGERS
        found.append(TfliteLayer(name, output.name.decode("utf-8"), macs, integer))
    return found


def read_by_sigmoid(file: Path) -> set[str]:
    """Return the tensors of a file's first graph that only a sigmoid reads."""
    model = read_model(file)
    graph = model.subgraphs[0]
    readers: dict[int, set[str]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            readers.setdefault(int(index), set()).add(operator_name(model, operator))
    places = {index for index, kinds in readers.items() if kinds == {"LOGISTIC"}} - set(graph.outputs)
    return {graph.tensors[index].name.decode("utf-8") for index in places}


def read_by_gate(file: Path) -> set[str]:
    """Return the tensors that only ``x * sigmoid(x)`` reads, with or without a scale per channel."""
    model = read_model(file)
    graph = model.subgraphs[0]
    makers = {int(index): operator for operator in graph.operators for index in operator.outputs}
    readers: dict[int, list[Any]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            readers.setdefault(int(index), []).append(operator)
    found = set()
    for operator in graph.operators:
        inputs = [int(index) for index in operator.inputs]
        gates = [index for index in inputs if _is(model, makers.get(index), "LOGISTIC")]
        if not _is(model, operator, "MUL") or len(gates) != 1:
            continue
        others = set(inputs) - set(gates)
        if len(others) != 1:
            continue
        (source,) = others
        inside = makers[gates[0]]
        argument = int(inside.inputs[0])
        if argument != source and _is(model, makers.get(argument), "DEPTHWISE_CONV_2D"):
            inside = makers[argument]
        if source in inside.inputs and all(reader in (operator, inside) for reader in readers[source]):
            found.add(source)
    return {graph.tensors[index].name.decode("utf-8") for index in found - set(graph.outputs)}


def _is(model: Any, operator: Any, name: str) -> bool:
    return operator is not None and operator_name(model, operator) == name


def concatenations(file: Path) -> list[Concatenation]:
    """Return the concatenations of a file's first graph."""
    model = read_model(file)
    graph = model.subgraphs[0]
    return [
        Concatenation(
            graph.tensors[operator.outputs[0]].name.decode("utf-8"),
            tuple(graph.tensors[index].name.decode("utf-8") for index in operator.inputs),
        )
        for operator in graph.operators
        if operator_name(model, operator) == "CONCATENATION"
    ]


def _macs(name: str, graph: Any, operator: Any, output: Any) -> int:
    if name not in WEIGHTED:
        return 0
    weights = shape_of(graph.tensors[operator.inputs[1]])
    source = graph.tensors[operator.inputs[2 if name == "TRANSPOSE_CONV" else 0]]
    match name:
        case "CONV_2D":  # weights [out, height, width, in]
            return element_count(output) * weights[1] * weights[2] * weights[3]
        case "DEPTHWISE_CONV_2D":  # weights [1, height, width, out]
            return element_count(output) * weights[1] * weights[2]
        case "TRANSPOSE_CONV":  # weights [out, height, width, in]: each input value is multiplied by all
            return element_count(source) * weights[0] * weights[1] * weights[2]
        case _:  # FULLY_CONNECTED, weights [out, in]
            return element_count(output) * weights[-1]
