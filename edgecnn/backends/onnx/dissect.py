"""An int8 ONNX file taken apart: quantize/dequantize pairs are the points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime

from edgecnn.backends.dissection import Grid, Node, Point, Values
from edgecnn.backends.onnx.session import REFUSALS, open_session, read_model
from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from edgecnn.backends.dissection import Cut
    from edgecnn.backends.terms import Layout
    from edgecnn.backends.worker.runtime import Execution

_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_ABSORBED = frozenset({"Relu", "Clip"})
"""Activation functions that the quantizer removes where the grid of their result clips as they do."""


class OnnxDissection:
    """An int8 ONNX file and its float original.

    Args:
        model: The int8 file.
        float_model: The float file.

    Raises:
        InputError: A file cannot be read, or has several inputs.
    """

    layout: Layout = "NCHW"

    def __init__(self, model: Path, float_model: Path) -> None:
        self._int8, self._float = _Graph.read(model), _Graph.read(float_model)
        self.nodes: Sequence[Node] = self._int8.nodes
        self.float_nodes: Sequence[Node] = self._float.nodes
        self.float_outputs = self._float.outputs
        self.points: Sequence[Point] = _points(self._int8, self._float)
        by_key = {point.key: point for point in self.points}
        self.outputs = tuple(by_key[name] for name in self._int8.outputs)

    def cut_float(self, inputs: Sequence[str], outputs: Sequence[str]) -> Cut:
        """Cut the float file."""
        return self._float.cut(inputs, outputs, "shipping")

    def cut(self, inputs: Sequence[Point], output: Point, execution: Execution) -> Cut:
        """Cut the int8 file; the inputs' quantizers are part of the cut."""
        return self._int8.cut([point.entry for point in inputs], [output.key], execution)

    def weights(self, node: str) -> Values | None:
        """Return dequantized weights."""
        return self._int8.weights(node)

    def float_weights(self, node: str) -> Values | None:
        """Return float weights."""
        return self._float.weights(node)


@dataclass(frozen=True, eq=False)
class _Graph:
    """A file with the shapes of its tensors, its operations sorted.

    Attributes:
        file: The file, to name in errors.
        model: What it holds.
        operations: Its nodes in an order of execution, by name.
        nodes: The same less constants, as the dissection sees them.
        constants: Initializers, and what Constant operations hold, by name.
        values: Type and shape of tensors by name.
    """

    file: Path
    model: onnx.ModelProto
    operations: dict[str, onnx.NodeProto]
    nodes: tuple[Node, ...]
    constants: dict[str, onnx.TensorProto]
    values: dict[str, onnx.ValueInfoProto]

    @classmethod
    def read(cls, file: Path) -> _Graph:
        model = onnx.shape_inference.infer_shapes(read_model(file))
        graph = model.graph
        if len(graph.input) != 1:
            raise InputError(
                f"{file} has {len(graph.input)} inputs; a network with one image can be diagnosed"
            )
        operations = {node.name or node.output[0]: node for node in _sorted(model)}
        live = _depending(operations.values(), graph.input[0].name)
        nodes = tuple(
            Node(
                name,
                node.op_type,
                tuple(dict.fromkeys(tensor for tensor in node.input if tensor in live)),
                tuple(node.output),
                node.op_type in _WEIGHTED,
            )
            for name, node in operations.items()
            if node.output[0] in live
        )
        values = {value.name: value for value in (*graph.input, *graph.value_info, *graph.output)}
        constants = {tensor.name: tensor for tensor in graph.initializer}
        for node in operations.values():
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                constants[node.output[0]] = node.attribute[0].t
        return cls(file, model, operations, nodes, constants, values)

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(value.name for value in self.model.graph.output)

    def size(self, tensor: str) -> int:
        """Return a tensor's number of elements; an unknown extent counts as one."""
        if tensor not in self.values:
            return 1
        extents = self.values[tensor].type.tensor_type.shape.dim
        return int(np.prod([max(1, extent.dim_value) for extent in extents], dtype=np.int64))

    def constant(self, tensor: str) -> np.ndarray:
        if tensor not in self.constants:
            raise InputError(f"{self.file} computes {tensor}, which should be a constant")
        return np.asarray(onnx.numpy_helper.to_array(self.constants[tensor]))

    def cut(self, inputs: Sequence[str], outputs: Sequence[str], execution: Execution) -> Cut:
        options = onnxruntime.SessionOptions()
        if execution == "reference":
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = open_session(self._extract(inputs, outputs), self.file, options)
        names = [item.name for item in session.get_inputs()]

        def run(arrays: Sequence[Values]) -> list[Values]:
            feed = dict(zip(inputs, arrays, strict=True))
            try:
                results = session.run(list(outputs), {name: feed[name] for name in names})
            except REFUSALS as error:
                raise InputError(f"ONNX Runtime: {one_line(error)}") from error
            return [np.asarray(result, np.float32) for result in results]

        return run

    def _extract(self, inputs: Collection[str], outputs: Sequence[str]) -> onnx.ModelProto:
        """Return the part of the model between some tensors and others, constants included."""
        makers = {tensor: node for node in self.operations.values() for tensor in node.output}
        wanted: set[int] = set()
        read: set[str] = set()
        pending = list(outputs)
        while pending:
            tensor = pending.pop()
            read.add(tensor)
            node = makers.get(tensor)
            if node is None or tensor in inputs or id(node) in wanted:
                continue
            wanted.add(id(node))
            pending += node.input
        graph = onnx.helper.make_graph(
            [node for node in self.operations.values() if id(node) in wanted],
            "cut",
            [self._value(name) for name in inputs if name in read],
            [self._value(name) for name in outputs],
            [tensor for tensor in self.model.graph.initializer if tensor.name in read],
        )
        model = onnx.helper.make_model(graph, opset_imports=self.model.opset_import)
        model.ir_version = self.model.ir_version
        return model

    def _value(self, tensor: str) -> onnx.ValueInfoProto:
        known = self.values.get(tensor)
        return known or onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None)

    def weights(self, name: str) -> Values | None:
        node = self.operations[name]
        if node.op_type not in _WEIGHTED or len(node.input) < 2:
            return None
        values = self._dequantized(node.input[1])
        if values is None:
            return None
        attributes = {item.name: item.i for item in node.attribute}
        rows = node.op_type == "Conv" or attributes.get("transB", 0)
        return values if rows else np.moveaxis(values, 1, 0)

    def _dequantized(self, tensor: str) -> Values | None:
        """Return a constant, read through the DequantizeLinear before it."""
        if tensor in self.constants:
            return np.asarray(self.constant(tensor), np.float32)
        maker = next((node for node in self.operations.values() if tensor in node.output), None)
        if maker is None or maker.op_type != "DequantizeLinear" or maker.input[0] not in self.constants:
            return None
        levels = self.constant(maker.input[0]).astype(np.float32)
        scale = self.constant(maker.input[1]).astype(np.float32)
        zero = self.constant(maker.input[2]).astype(np.float32) if len(maker.input) > 2 else np.float32(0)
        if scale.ndim and scale.size > 1:
            axis = next((item.i for item in maker.attribute if item.name == "axis"), 1)
            shape = [-1 if place == axis % levels.ndim else 1 for place in range(levels.ndim)]
            scale, zero = scale.reshape(shape), np.reshape(zero, shape)
        return np.asarray((levels - zero) * scale, np.float32)


def _sorted(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return the nodes in an order of execution; the quantizer appends its own at the end."""
    waiting = list(model.graph.node)
    known = {tensor.name for tensor in (*model.graph.initializer, *model.graph.input)} | {""}
    done: list[onnx.NodeProto] = []
    while waiting:
        ready = [node for node in waiting if known.issuperset(node.input)]
        if not ready:
            raise InputError(
                f"operation {waiting[0].name or waiting[0].op_type} reads a tensor that nothing makes"
            )
        done += ready
        known.update(tensor for node in ready for tensor in node.output)
        left = {id(node) for node in ready}
        waiting = [node for node in waiting if id(node) not in left]
    return done


def _depending(nodes: Iterable[onnx.NodeProto], image: str) -> set[str]:
    """Return the tensors that depend on the image."""
    live = {image}
    for node in nodes:
        if live.intersection(node.input):
            live.update(node.output)
    return live


def _points(int8: _Graph, original: _Graph) -> tuple[Point, ...]:
    """Return the image, every quantized tensor with a counterpart, and float outputs."""
    image, float_image = int8.model.graph.input[0].name, original.model.graph.input[0].name
    readers: dict[str, list[Node]] = {}
    for node in int8.nodes:
        for tensor in node.inputs:
            readers.setdefault(tensor, []).append(node)
    names = _counterparts(int8, original) | {image: float_image}
    points = [Point(image, image, float_image, None, int8.size(image))]
    for node in int8.nodes:
        if node.operation != "QuantizeLinear":
            continue
        entry = node.inputs[0]
        for reader in readers.get(node.outputs[0], []):
            counterpart = names.get(reader.outputs[0], names.get(entry))
            if reader.operation == "DequantizeLinear" and counterpart is not None:
                grid = _grid(int8, int8.operations[node.name])
                points.append(Point(reader.outputs[0], entry, counterpart, grid, int8.size(entry)))
    keys = {point.key for point in points}
    points += [
        Point(name, name, names[name], None, int8.size(name)) for name in int8.outputs if name not in keys
    ]
    return tuple(points)


def _counterparts(int8: _Graph, original: _Graph) -> dict[str, str]:
    """Return the float file's name of the int8 file's tensors.

    The quantizer keeps names, outputs' included, but removes activation functions: the result of the
    convolution before then stands for theirs.

    Raises:
        InputError: The files have different outputs.
    """
    if len(int8.outputs) != len(original.outputs):
        raise InputError(
            f"{original.file} has {len(original.outputs)} outputs and {int8.file} has {len(int8.outputs)}: "
            "it is the float file of another network"
        )
    own = {tensor for node in int8.nodes for tensor in node.outputs}
    readers: dict[str, list[Node]] = {}
    for node in original.nodes:
        for tensor in node.inputs:
            readers.setdefault(tensor, []).append(node)
    found = {}
    for node in original.nodes:
        for tensor in node.outputs:
            if tensor in own:
                found[tensor] = _absorbed(tensor, own, readers)
    return found | dict(zip(int8.outputs, original.outputs, strict=True))


def _absorbed(tensor: str, own: Collection[str], readers: Mapping[str, list[Node]]) -> str:
    """Return the result of the activation functions after a tensor that the int8 file lacks."""
    while True:
        after = readers.get(tensor, [])
        if len(after) != 1 or after[0].operation not in _ABSORBED or after[0].outputs[0] in own:
            return tensor
        tensor = after[0].outputs[0]


def _grid(int8: _Graph, quantizer: onnx.NodeProto) -> Grid:
    scale = int8.constant(quantizer.input[1]).astype(np.float32)
    zero = int8.constant(quantizer.input[2]) if len(quantizer.input) > 2 else np.uint8(0)
    limits = np.iinfo(zero.dtype)
    low = (np.float32(limits.min) - zero.astype(np.float32)) * scale
    high = (np.float32(limits.max) - zero.astype(np.float32)) * scale
    return Grid(np.asarray(low), np.asarray(high), limits.max - limits.min + 1)
