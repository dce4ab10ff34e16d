"""Dissection of an int8 TFLite file, whose integer tensors with a counterpart are the points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgecnn.backends.dissection import (
    Dissection,
    GraphNode,
    Grid,
    ProbePoint,
    Values,
    Wiring,
    require_one_input,
    same_outputs,
)
from edgecnn.backends.tflite.flatbuffer import (
    element_count,
    model_bytes,
    operator_name,
    read_model,
    shape_of,
    type_name,
)
from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgecnn.backends.dissection import Cut
    from edgecnn.backends.worker.runtime import Execution

_WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"})
_IMAGE = "image"
"""Name of the image before it is quantized; the file begins with integers."""

_FLOAT = "float32"
_INTEGERS = ("int8", "uint8", "int16")
_KERNEL_RANK = 4


def dissect(model: Path, float_model: Path) -> Dissection:
    """Open an int8 TFLite file beside its float original; the two share the names of their tensors.

    Raises:
        InputError: A file cannot be read, or has several inputs.
    """
    int8, original = _TfliteGraph(model), _TfliteGraph(float_model)
    names = {name: name for node in original.nodes for name in node.outputs}
    names |= {int8.input: original.input, **same_outputs(int8, original)}
    points = [
        ProbePoint(name, name, names[name], int8.grid(name), int8.size(name))
        for name in (int8.input, *(name for node in int8.nodes for name in node.outputs))
        if name in names and (int8.grid(name) is not None or name in int8.outputs)
    ]
    entrance = GraphNode(_IMAGE, "QUANTIZE", (_IMAGE,), (int8.input,))
    return Dissection("NHWC", int8, original, points, entrance)


class _TfliteGraph:
    """The first graph of a file, with its tensors by name.

    Args:
        file: The file.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._model = read_model(file)
        self._graph = self._model.subgraphs[0]
        names = [tensor.name.decode("utf-8") for tensor in self._graph.tensors]
        self._index = {name: index for index, name in enumerate(names)}
        if len(self._index) != len(names):
            raise InputError(f"{file} names several tensors alike, so layers cannot be told apart")
        require_one_input(file, self._graph.inputs)
        self.input: str = names[self._graph.inputs[0]]
        self.outputs = tuple(names[index] for index in self._graph.outputs)
        self._operators: dict[str, Any] = {}
        live = {int(self._graph.inputs[0])}
        nodes = []
        for operator in self._graph.operators:
            read = [int(index) for index in operator.inputs if index in live]
            if not read:
                continue
            live.update(int(index) for index in operator.outputs)
            outputs = tuple(names[index] for index in operator.outputs)
            kind = operator_name(self._model, operator)
            inputs = tuple(dict.fromkeys(names[index] for index in read))
            nodes.append(GraphNode(outputs[0], kind, inputs, outputs, kind in _WEIGHTED))
            self._operators[outputs[0]] = operator
        self.nodes = tuple(nodes)
        self._wiring = Wiring(self.nodes)

    def size(self, name: str) -> int:
        return element_count(self._tensor(name))

    def grid(self, name: str) -> Grid | None:
        """Return an integer tensor's grid; None for a float one."""
        tensor = self._tensor(name)
        kind = type_name(tensor)
        if kind not in _INTEGERS or tensor.quantization is None or tensor.quantization.scale is None:
            return None
        scale, zero = np.float32(tensor.quantization.scale[0]), np.float32(tensor.quantization.zeroPoint[0])
        limits = np.iinfo(kind)
        low, high = (np.asarray((np.float32(end) - zero) * scale) for end in (limits.min, limits.max))
        return Grid(low, high, limits.max - limits.min + 1)

    def cut(self, inputs: Sequence[str], outputs: Sequence[str], execution: Execution) -> Cut:
        """Return a function of float values, which quantizes and dequantizes integer tensors."""
        nodes, read = self._wiring.behind([name for name in outputs if name not in inputs], inputs)
        if not nodes:
            grids = [self.grid(name) for name in outputs]
            places = [list(inputs).index(name) for name in outputs]
            return lambda values: [
                values[place] if grid is None else grid.snap(values[place])
                for place, grid in zip(places, grids, strict=True)
            ]
        interpreter = self._open(self._extract(nodes, read, outputs), execution)
        entrances = [(list(inputs).index(name), name, self._index[name]) for name in read]
        exits = [(name, self._index[name]) for name in outputs]

        def run(values: Sequence[Values]) -> list[Values]:
            for place, name, index in entrances:
                interpreter.set_tensor(index, self._quantized(name, values[place]))
            try:
                interpreter.invoke()
            except RuntimeError as error:
                raise InputError(f"LiteRT: {one_line(error)}") from error
            return [self._dequantized(name, interpreter.get_tensor(index)) for name, index in exits]

        return run

    def _open(self, content: bytes, execution: Execution) -> Interpreter:
        kind = OpResolverType.BUILTIN_REF if execution == "reference" else OpResolverType.AUTO
        try:
            interpreter = Interpreter(
                model_content=content, num_threads=1, experimental_op_resolver_type=kind
            )
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"a part of {self.file} cannot be opened by LiteRT: {one_line(error)}"
            ) from error
        return interpreter

    def _extract(self, nodes: Sequence[GraphNode], inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
        """Return a file with some of the operators; tensors keep their indices, without unused constants."""
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors = self._graph.tensors
        graph.operators = [self._operators[node.name] for node in nodes]
        graph.inputs = np.array([self._index[name] for name in inputs], np.int32)
        graph.outputs = np.array([self._index[name] for name in outputs], np.int32)
        used = {
            graph.tensors[index].buffer
            for operator in graph.operators
            for index in operator.inputs
            if index >= 0
        }
        empty = schema.BufferT()
        model.version, model.operatorCodes, model.subgraphs = 3, self._model.operatorCodes, [graph]
        model.buffers = [
            buffer if place in used else empty for place, buffer in enumerate(self._model.buffers)
        ]
        return model_bytes(model)

    def _quantized(self, name: str, values: Values) -> np.ndarray:
        grid = self.grid(name)
        if grid is None:
            return values
        limits = np.iinfo(type_name(self._tensor(name)))
        levels = np.rint((np.clip(values, grid.low, grid.high) - grid.low) / grid.step) + limits.min
        return np.asarray(levels, limits.dtype)

    def _dequantized(self, name: str, levels: np.ndarray) -> Values:
        grid = self.grid(name)
        if grid is None:
            return np.asarray(levels, np.float32)
        lowest = np.float32(np.iinfo(levels.dtype).min)
        return np.asarray((levels.astype(np.float32) - lowest) * grid.step + grid.low, np.float32)

    def weights(self, name: str) -> Values | None:
        """Return the weights of an operator, dequantized, in PyTorch's order of axes."""
        operator = self._operators.get(name)
        if operator is None or operator_name(self._model, operator) not in _WEIGHTED:
            return None
        tensor = self._graph.tensors[operator.inputs[1]]
        data, kind = self._model.buffers[tensor.buffer].data, type_name(tensor)
        if data is None or kind not in (*_INTEGERS, _FLOAT):
            return None
        values = np.frombuffer(bytes(data), kind).reshape(shape_of(tensor)).astype(np.float32)
        depthwise = operator_name(self._model, operator) == "DEPTHWISE_CONV_2D"
        axis = 3 if depthwise else 0
        if kind != _FLOAT:
            scale = np.asarray(tensor.quantization.scale, np.float32)
            zero = np.asarray(tensor.quantization.zeroPoint, np.float32)
            shape = [-1 if place == axis else 1 for place in range(values.ndim)]
            values = (values - zero.reshape(shape)) * scale.reshape(shape)
        if values.ndim != _KERNEL_RANK:
            return values
        return values.transpose(3, 0, 1, 2) if depthwise else values.transpose(0, 3, 1, 2)

    def _tensor(self, name: str) -> Any:
        return self._graph.tensors[self._index[name]]
