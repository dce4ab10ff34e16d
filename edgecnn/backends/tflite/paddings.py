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
        constant: Index of the tensor that holds the infinity.
    """

    padded: str
    source: str
    source_index: int
    constant: int


def infinite_paddings(model: Any) -> list[InfinitePadding]:
    """Return the paddings with minus infinity of a read model's first graph, in their order of execution."""
    graph = model.subgraphs[0]
    found = []
    for operator in graph.operators:
        if operator_name(model, operator) != "PADV2":
            continue
        source, _, constant = (int(index) for index in operator.inputs)
        data = model.buffers[graph.tensors[constant].buffer].data
        is_float = graph.tensors[constant].type == schema.TensorType.FLOAT32
        if data is None or not is_float or not np.isneginf(np.frombuffer(bytes(data), "<f4")).all():
            continue
        padded = graph.tensors[operator.outputs[0]].name.decode("utf-8")
        found.append(InfinitePadding(padded, graph.tensors[source].name.decode("utf-8"), source, constant))
    return found


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
        buffer = schema.BufferT()
        lowest = np.float32(min(made[padding.source].low, 0.0))
        buffer.data = np.frombuffer(lowest.tobytes(), np.uint8)
        model.buffers.append(buffer)
        graph.tensors[padding.constant].buffer = len(model.buffers) - 1
    return model_bytes(model), made


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
