"""Dissection of an int8 IR, whose FakeQuantize operations define the points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.backends.dissection import (
    Dissection,
    GraphNode,
    Grid,
    ProbePoint,
    Values,
    require_one_input,
    same_outputs,
)
from edgecnn.backends.openvino.device import core
from edgecnn.backends.openvino.inspect import FLOAT32
from edgecnn.backends.openvino.ir import openvino, read_model, refused
from edgecnn.backends.openvino.reference import spell_out
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgecnn.backends.dissection import Cut
    from edgecnn.backends.worker.runtime import Execution

_WEIGHTED = frozenset({"Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul"})
_QUANTIZER = "FakeQuantize"
_ENDS = frozenset({"Parameter", "Result"})
_RANK_OF_GROUPED = 5


def dissect(model: Path, float_model: Path) -> Dissection:
    """Open an int8 IR beside its float original; they are matched from the outputs, as names may differ.

    Raises:
        InputError: A file cannot be read, has several inputs, or the two belong to different networks.
    """
    int8, original = _OpenvinoGraph(model), _OpenvinoGraph(float_model)
    names = _counterparts(int8, original)
    points = [
        ProbePoint(node.outputs[0], entry, names[entry], int8.grid(node.name), int8.size(node.outputs[0]))
        for node in int8.nodes
        if node.operation == _QUANTIZER and (entry := node.inputs[0]) in names
    ]
    return Dissection("NCHW", int8, original, points)


class _OpenvinoGraph:
    """A file's operations by name, and its tensors as ``operation:port``.

    Args:
        file: The ``.xml``.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._model = read_model(file)
        require_one_input(file, self._model.inputs)
        self.operations = {node.get_friendly_name(): node for node in self._model.get_ordered_ops()}
        self.input = _tensor(self._model.inputs[0])
        self.outputs = tuple(_tensor(item.input(0).get_source_output()) for item in self._model.get_results())
        live = {self.input}
        nodes = []
        for name, operation in self.operations.items():
            read = [tensor for tensor in map(_source, operation.inputs()) if tensor in live]
            if operation.get_type_name() in _ENDS or not read:
                continue
            made = tuple(map(_tensor, operation.outputs()))
            live.update(made)
            kind = operation.get_type_name()
            nodes.append(GraphNode(name, kind, tuple(dict.fromkeys(read)), made, kind in _WEIGHTED))
        self.nodes = tuple(nodes)
        self.live = live
        self._folded = _folded(self._model)

    def size(self, tensor: str) -> int:
        return int(np.prod(self._output(self._model, tensor).get_shape(), dtype=np.int64))

    def grid(self, quantizer: str) -> Grid:
        """Return the grid of a FakeQuantize."""
        operation = self.operations[quantizer]
        low, high = (self._constant(operation.input(place)) for place in (3, 4))
        return Grid(low, high, int(operation.get_attributes()["levels"]))

    def _constant(self, port: openvino.Input) -> Values:
        node = port.get_source_output().get_node()
        if node.get_type_name() != "Constant":
            raise InputError(f"{self.file} holds a quantizer whose range is computed")
        return np.asarray(node.data, np.float32).copy()

    def weights(self, name: str) -> Values | None:
        """Return the weights of an operation, ``[O, ...]``, dequantized."""
        operation = self.operations[name]
        folded = self._folded.get(name)
        if operation.get_type_name() not in _WEIGHTED or folded is None:
            return None
        values = folded.input(1).get_source_output().get_node()
        if values.get_type_name() != "Constant":
            return None
        weights = np.asarray(values.data, np.float32).copy()
        if operation.get_type_name() == "MatMul":
            return weights if operation.get_attributes()["transpose_b"] else np.moveaxis(weights, -1, 0)
        if weights.ndim == _RANK_OF_GROUPED:  # [G, O, I, H, W]
            return weights.reshape(-1, *weights.shape[2:])
        return weights

    def cut(self, inputs: Sequence[str], outputs: Sequence[str], execution: Execution) -> Cut:
        part = self._extract(inputs, outputs)
        if execution == "reference":
            for operation in part.get_ordered_ops():
                if operation.get_type_name() == _QUANTIZER:
                    openvino.utils.replace_node(operation, spell_out(operation))
            _fold(part)
        hint = (
            {"PERFORMANCE_HINT": "LATENCY"}
            if execution == "shipping"
            else {"EXECUTION_MODE_HINT": "ACCURACY"}
        )
        properties = {**hint, **FLOAT32, "INFERENCE_NUM_THREADS": 1}
        try:
            request = core().compile_model(part, "CPU", properties).create_infer_request()
        except RuntimeError as error:
            raise refused(self.file, error) from error
        used = [inputs.index(port.get_node().get_friendly_name()) for port in part.inputs]

        def run(values: Sequence[Values]) -> list[Values]:
            try:
                request.infer([values[place] for place in used])
            except RuntimeError as error:
                raise refused(self.file, error) from error
            return [np.array(request.get_output_tensor(place).data) for place in range(len(outputs))]

        return run

    def _extract(self, inputs: Sequence[str], outputs: Sequence[str]) -> openvino.Model:
        """Return the part of the graph between these inputs and outputs."""
        opset = openvino.opset13
        model = self._model.clone()
        results = [opset.result(self._output(model, name)) for name in outputs]
        parameters = []
        for name in inputs:
            source = self._output(model, name)
            parameter = opset.parameter(source.get_shape(), np.float32, name=name)
            for reader in source.get_target_inputs():
                reader.replace_source_output(parameter.output(0))
            parameters.append(parameter)
        read = [parameter for parameter in parameters if parameter.output(0).get_target_inputs()]
        return openvino.Model(results, read)

    def _output(self, model: openvino.Model, tensor: str) -> openvino.Output:
        name, _, port = tensor.rpartition(":")
        operation = next(item for item in model.get_ops() if item.get_friendly_name() == name)
        return operation.output(int(port))


def _tensor(port: openvino.Output) -> str:
    return f"{port.get_node().get_friendly_name()}:{port.get_index()}"


def _source(port: openvino.Input) -> str:
    return _tensor(port.get_source_output())


def _fold(model: openvino.Model) -> None:
    passes = openvino.passes.Manager()
    passes.register_pass(openvino.passes.ConstantFolding())
    passes.run_passes(model)


def _folded(model: openvino.Model) -> dict[str, openvino.Node]:
    """Return the operations of a copy whose weights are real numbers, by name."""
    copy = model.clone()
    _fold(copy)
    return {node.get_friendly_name(): node for node in copy.get_ordered_ops()}


def _counterparts(int8: _OpenvinoGraph, original: _OpenvinoGraph) -> dict[str, str]:
    """Return the float file's tensor for each of the int8 file's, found backwards from the outputs.

    The quantizer inserts operations and removes none, so the two graphs are followed side by side, skipping
    operations that only the int8 file has.

    Raises:
        InputError: The graphs differ in anything else.
    """
    found: dict[str, str] = {}
    pending = list(same_outputs(int8, original).items())
    while pending:
        tensor, counterpart = pending.pop()
        if tensor in found:
            continue
        found[tensor] = counterpart
        own, other = (
            graph.operations[name.rpartition(":")[0]]
            for graph, name in ((int8, tensor), (original, counterpart))
        )
        sources = [name for name in map(_source, own.inputs()) if name in int8.live]
        if own.get_type_name() == other.get_type_name():
            others = [name for name in map(_source, other.inputs()) if name in original.live]
            if len(sources) != len(others):
                raise _another(int8, original)
            pending += zip(sources, others, strict=True)
        elif len(sources) == 1:
            pending.append((sources[0], counterpart))
        else:
            raise _another(int8, original)
    return found


def _another(int8: _OpenvinoGraph, original: _OpenvinoGraph) -> InputError:
    return InputError(
        f"{original.file} is not the float file of {int8.file}: their operations differ",
        hint="give the float file of the same network with --float",
    )
