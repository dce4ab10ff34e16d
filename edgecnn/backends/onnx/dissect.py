"""Dissection of an int8 ONNX file, whose quantize/dequantize pairs are the points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir
import onnxruntime

from edgecnn.backends.dissection import (
    Dissection,
    GraphNode,
    Grid,
    ProbePoint,
    Values,
    require_one_input,
    same_outputs,
)
from edgecnn.backends.onnx.session import REFUSALS, open_session, read_model
from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line
from edgecnn.models.imported.onnx_graph import (
    constant,
    infer_shapes,
    link,
    maker,
    name_of,
    proto_of,
    shape_of,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import onnx

    from edgecnn.backends.dissection import Cut
    from edgecnn.backends.worker.runtime import Execution

_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_ABSORBED = frozenset({"Relu", "Clip"})
"""Activation functions that the quantizer removes if the grid of their result clips in the same way."""


def dissect(model: Path, float_model: Path) -> Dissection:
    """Open an int8 ONNX file beside its float original.

    Raises:
        InputError: A file cannot be read, or has several inputs.
    """
    int8, original = _OnnxGraph.read(model), _OnnxGraph.read(float_model)
    return Dissection("NCHW", int8, original, _points(int8, original))


@dataclass(frozen=True, eq=False)
class _OnnxGraph:
    """A file with the shapes of its tensors.

    Attributes:
        file: Path of the file for messages.
        model: Its content.
        operations: Its nodes by name, in an order of execution.
        nodes: Its nodes without constants, for the dissection.
        values: Its tensors by name.
    """

    file: Path
    model: ir.Model
    operations: dict[str, ir.Node]
    nodes: tuple[GraphNode, ...]
    values: Mapping[str, ir.Value]

    @classmethod
    def read(cls, file: Path) -> _OnnxGraph:
        model = link(infer_shapes(read_model(file), file, strict=False), file)
        graph = model.graph
        require_one_input(file, graph.inputs)
        operations = {node.name or name_of(node.outputs[0]): node for node in graph}
        live = set(graph.inputs)
        nodes = []
        for name, node in operations.items():
            inputs = dict.fromkeys(value for value in node.inputs if value in live)
            if inputs:
                live.update(node.outputs)
                read, made = (tuple(map(name_of, values)) for values in (inputs, node.outputs))
                nodes.append(GraphNode(name, node.op_type, read, made, node.op_type in _WEIGHTED))
        values = ir.convenience.create_value_mapping(graph, include_subgraphs=False)
        return cls(file, model, operations, tuple(nodes), values)

    @property
    def input(self) -> str:
        return name_of(self.model.graph.inputs[0])

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(map(name_of, self.model.graph.outputs))

    def size(self, tensor: str) -> int:
        """Return a tensor's number of elements; an unknown dimension counts as one."""
        return math.prod(max(1, extent) for extent in shape_of(self.values.get(tensor)))

    def cut(self, inputs: Sequence[str], outputs: Sequence[str], execution: Execution) -> Cut:
        options = onnxruntime.SessionOptions()
        if execution == "reference":
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = open_session(self._extract(inputs, outputs), self.file, options)

        def run(arrays: Sequence[Values]) -> list[Values]:
            try:
                results = session.run(list(outputs), dict(zip(inputs, arrays, strict=True)))
            except REFUSALS as error:
                raise InputError(f"ONNX Runtime: {one_line(error)}") from error
            return [np.asarray(result, np.float32) for result in results]

        return run

    def _extract(self, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.ModelProto:
        """Return the part of the model between these inputs and outputs, including constants."""
        part = ir.convenience.extract(self.model.graph, inputs, outputs)
        for value in (*part.inputs, *part.outputs):
            value.type = value.type or ir.TensorType(ir.DataType.FLOAT)
        return proto_of(ir.Model(part, ir_version=self.model.ir_version), self.file)

    def weights(self, name: str) -> Values | None:
        node = self.operations[name]
        if node.op_type not in _WEIGHTED or len(node.inputs) < 2:
            return None
        values = _dequantized(node.inputs[1])
        if values is None:
            return None
        rows = node.op_type == "Conv" or node.attributes.get_int("transB", 0) != 0
        return values if rows else np.moveaxis(values, 1, 0)


def _dequantized(value: ir.Value | None) -> Values | None:
    """Return a constant after its DequantizeLinear; None for a computed tensor."""
    plain = constant(value)
    if plain is not None:
        return np.asarray(plain, np.float32)
    dequantize = maker(value, "DequantizeLinear")
    levels = constant(dequantize.inputs[0]) if dequantize else None
    if dequantize is None or levels is None:
        return None
    scale, *zeros = (stored(item).astype(np.float32) for item in dequantize.inputs[1:])
    zero = zeros[0] if zeros else np.float32(0)
    if scale.ndim and scale.size > 1:
        axis = dequantize.attributes.get_int("axis", 1)
        shape = [-1 if place == axis % levels.ndim else 1 for place in range(levels.ndim)]
        scale, zero = scale.reshape(shape), np.reshape(zero, shape)
    return np.asarray((levels.astype(np.float32) - zero) * scale, np.float32)


def _points(int8: _OnnxGraph, original: _OnnxGraph) -> list[ProbePoint]:
    """Return every quantized tensor with a counterpart."""
    names = _counterparts(int8, original) | {int8.input: original.input}
    points = []
    for node in int8.nodes:
        if node.operation != "QuantizeLinear":
            continue
        entry, quantizer = node.inputs[0], int8.operations[node.name]
        for reader in quantizer.outputs[0].consumers():
            key = name_of(reader.outputs[0])
            counterpart = names.get(key, names.get(entry))
            if reader.op_type == "DequantizeLinear" and counterpart is not None:
                points.append(ProbePoint(key, entry, counterpart, _grid(quantizer), int8.size(entry)))
    return points


def _counterparts(int8: _OnnxGraph, original: _OnnxGraph) -> dict[str, str]:
    """Return the float file's names of the int8 file's tensors.

    The quantizer keeps names, also of outputs, but removes activation functions: then the convolution's
    result corresponds to the activation's.

    Raises:
        InputError: The files have different outputs.
    """
    own = {tensor for node in int8.nodes for tensor in node.outputs}
    found = {
        tensor: _absorbed(original.values[tensor], own)
        for node in original.nodes
        for tensor in node.outputs
        if tensor in own
    }
    return found | same_outputs(int8, original)


def _absorbed(value: ir.Value, own: Collection[str]) -> str:
    """Return the result of the activation functions after a tensor that are missing in the int8 file."""
    after = value.consumers()
    if len(after) != 1 or after[0].op_type not in _ABSORBED or name_of(after[0].outputs[0]) in own:
        return name_of(value)
    return _absorbed(after[0].outputs[0], own)


def _grid(quantizer: ir.Node) -> Grid:
    scale, *zeros = (stored(value) for value in quantizer.inputs[1:])
    zero = zeros[0] if zeros else np.uint8(0)
    limits = np.iinfo(zero.dtype)
    low, high = (
        (np.float32(limit) - zero.astype(np.float32)) * scale.astype(np.float32)
        for limit in (limits.min, limits.max)
    )
    return Grid(np.asarray(low), np.asarray(high), limits.max - limits.min + 1)
