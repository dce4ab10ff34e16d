"""Paddings with minus infinity, as in front of a max pool: they have no range and no integer of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.backends.tflite.flatbuffer import model_bytes, opcode, operator_name, read_model, write_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgecnn.quantization.ranges import Range


@dataclass(frozen=True)
class InfinitePadding:
    """A padding of a float file with minus infinity.

    Attributes:
        padded: Name of the padded tensor.
        source: Name of the tensor that is padded.
        source_index: Its index in the graph.
        operator: The padding's place among the graph's operators.
    """

    padded: str
    source: str
    source_index: int
    operator: int


def infinite_paddings(model: Any) -> list[InfinitePadding]:
    """Return the paddings with minus infinity that only max pools read, in their order of execution.

    Args:
        model: A read model; its first graph is looked at.
    """
    graph = model.subgraphs[0]
    found = []
    for place, operator in enumerate(graph.operators):
        if operator_name(model, operator) != "PADV2" or not _is_infinite(model, graph, operator):
            continue
        result, source = int(operator.outputs[0]), int(operator.inputs[0])
        readers = {operator_name(model, reader) for reader in graph.operators if result in reader.inputs}
        if readers == {"MAX_POOL_2D"} and result not in graph.outputs:
            padded, inside = (graph.tensors[index].name.decode("utf-8") for index in (result, source))
            found.append(InfinitePadding(padded, inside, source, place))
    return found


def _is_infinite(model: Any, graph: Any, operator: Any) -> bool:
    constant = graph.tensors[operator.inputs[2]]
    data = model.buffers[constant.buffer].data
    if data is None or constant.type != schema.TensorType.FLOAT32:
        return False
    return bool(np.isneginf(np.frombuffer(bytes(data), "<f4")).all())


def with_finite_paddings(file: Path, ranges: Mapping[str, Range]) -> tuple[bytes, dict[str, Range]]:
    """Return a float file's bytes and its ranges, both without infinity.

    The lowest value of the padded tensor's range takes the place of minus infinity. Nothing in int8 lies
    below it, so that a max pool of int8 values gives the same.

    Args:
        file: A float32 file.
        ranges: Ranges by tensor; those of a padded tensor are ignored, it has those of the tensor inside.
    """
    model = read_model(file)
    found, made = infinite_paddings(model), dict(ranges)
    if not found:
        return file.read_bytes(), made
    graph = model.subgraphs[0]
    for padding in found:
        made[padding.padded] = made[padding.source]
        operator = graph.operators[padding.operator]
        lowest = np.float32(min(made[padding.source].low, 0.0))
        # The converter gives all paddings one constant; each needs its own.
        operator.inputs = [*operator.inputs[:2], _constant(model, graph, f"{padding.padded}/lowest", lowest)]
    return model_bytes(model), made


def _constant(model: Any, graph: Any, name: str, value: np.float32) -> int:
    """Add a float32 constant without dimensions; return its index."""
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(value.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.name, tensor.shape, tensor.type = name.encode("utf-8"), [], schema.TensorType.FLOAT32
    tensor.buffer = len(model.buffers) - 1
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def pad_with_zero_points(file: Path) -> None:
    """Replace PADV2 by PAD in an int8 file, in place, where both give the same.

    PAD fills with the zero point. A map behind ReLU has its lowest value there. PAD is quicker, and NPUs have
    it where they lack PADV2.
    """
    model = read_model(file)
    graph = model.subgraphs[0]
    changed = False
    for operator in graph.operators:
        if operator_name(model, operator) != "PADV2" or not _fills_with_zero(model, graph, operator):
            continue
        operator.opcodeIndex = opcode(model, schema.BuiltinOperator.PAD, version=2)
        operator.inputs = [int(index) for index in operator.inputs[:2]]
        operator.builtinOptionsType = schema.BuiltinOptions.PadOptions
        operator.builtinOptions = schema.PadOptionsT()
        changed = True
    if changed:
        write_model(model, file)


def _fills_with_zero(model: Any, graph: Any, operator: Any) -> bool:
    padded, constant = graph.tensors[operator.outputs[0]], graph.tensors[operator.inputs[2]]
    data = model.buffers[constant.buffer].data
    if padded.type != schema.TensorType.INT8 or constant.type != schema.TensorType.INT8 or data is None:
        return False
    return bool((np.frombuffer(bytes(data), np.int8) == int(padded.quantization.zeroPoint[0])).all())
