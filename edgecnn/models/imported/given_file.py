"""Execution of the user's ONNX file beside the network that was made of it.

ONNX Runtime gets the bytes of the file themselves: a copy that another library has read and written again
would hide what that library reads wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx_ir as ir
import torch

from edgecnn.core.errors import InputError
from edgecnn.core.files import read_bounded
from edgecnn.models.imported.importer import read_image_model
from edgecnn.models.imported.names import graphs_in
from edgecnn.models.imported.network import ImportedNetwork
from edgecnn.models.imported.onnx_file import execute, open_bytes
from edgecnn.models.imported.onnx_graph import name_of
from edgecnn.models.imported.onnx_limits import MOST_BYTES, parse_bytes
from edgecnn.models.imported.parts import append_parts
from edgecnn.models.source import GivenFile, OperationResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    import onnxruntime
    from torch import nn

    from edgecnn.models.imported.graph import GraphPart, ImportedNode

    Values = npt.NDArray[np.float32]


class OnnxFile(GivenFile):
    """An ONNX file in ONNX Runtime without optimization.

    Args:
        file: The file.
        module: The network that was made of it; its graph names the tensors to compare.

    Raises:
        InputError: The file cannot be read, or ONNX Runtime rejects it.
    """

    runtime = "onnxruntime"

    def __init__(self, file: Path, module: nn.Module) -> None:
        if not isinstance(module, ImportedNetwork):
            raise TypeError(f"{type(module).__name__} was not made of an ONNX file")
        self._file, self._network = file, module
        self._model = read_image_model(file).model
        self.outputs = module.graph.outputs
        self._session = _open(file, self.outputs, module.graph.parts)

    def run(self, image: Values) -> list[Values]:
        """Execute the file; see the base class."""
        found = execute(self._session, self.outputs, image, self._file)
        return [np.asarray(value, np.float32) for value in found]

    def trace(self, image: Values) -> Iterator[OperationResult]:
        """Yield the results of every operation whose tensor the file has too; see the base class."""
        nodes = {name: node for node in self._network.graph.nodes for name in node.outputs}
        known = {name_of(value) for node in self._model.graph for value in node.outputs if _is_float(value)}
        names = [name for name in nodes if name in known]
        theirs = execute(_open(self._file, names), names, image, self._file)
        ours = network_values(self._network, image, names)
        for name, value in zip(names, theirs, strict=True):
            operation = f"{nodes[name].operator} {nodes[name].name}"
            yield OperationResult(operation, name, np.asarray(value, np.float32), ours[name])


def _open(
    file: Path, tensors: Sequence[str], parts: Sequence[GraphPart] = ()
) -> onnxruntime.InferenceSession:
    """Open the bytes of a file, with some of its tensors as outputs.

    Outputs are appended to the bytes as one more part of the graph, which protobuf defines as the whole of
    both parts (https://protobuf.dev/programming-guides/encoding/#last-one-wins). Where the file ends in
    operations that ONNX Runtime does not have, operations that no wanted tensor needs are left out.
    """
    content = read_bounded(file, MOST_BYTES)
    model = parse_bytes(content, file)
    known = {output.name for output in model.graph.output}
    added = onnx.ModelProto()
    append_parts(added.graph, parts)
    added.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors if name not in known)
    try:
        return open_bytes(content + (added.SerializeToString() if added.graph.output else b""), file)
    except InputError:
        if known <= set(tensors):
            raise
    taken_apart = {part.name for part in parts}
    _leave_out(model.graph, {*tensors} - taken_apart | {part.source for part in parts})
    model.MergeFrom(added)
    return open_bytes(model.SerializeToString(), file)


def _leave_out(graph: onnx.GraphProto, wanted: set[str]) -> None:
    """Remove every operation and every output of a graph that the wanted tensors do not need, in place."""
    makers = {name: node for node in graph.node for name in node.output if name}
    kept, waiting = set[str](), list(wanted)
    while waiting:
        name = waiting.pop()
        if name in makers and name not in kept:
            kept.update(makers[name].output)
            waiting.extend(_read_by(makers[name]))
    nodes = [node for node in graph.node if kept.intersection(node.output)]
    outputs = [output for output in graph.output if output.name in wanted]
    del graph.node[:], graph.output[:]
    graph.node.extend(nodes)
    graph.output.extend(outputs)


def _read_by(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the names of the tensors that a node and the graphs in it read."""
    yield from node.input
    for graph in graphs_in(node):
        yield from (output.name for output in graph.output)
        for inner in graph.node:
            yield from _read_by(inner)


def _is_float(value: ir.Value) -> bool:
    return value.dtype == ir.DataType.FLOAT


def network_values(network: ImportedNetwork, image: Values, names: Sequence[str]) -> dict[str, Values]:
    """Return the results of the network's operations, by the names of the tensors."""
    wanted = set(names)
    found: dict[str, Values] = {}

    def keep(node: ImportedNode, result: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
        results = (result,) if isinstance(result, torch.Tensor) else result
        for name, value in zip(node.outputs, results, strict=True):
            if name in wanted:
                found[name] = np.array(value.float().numpy())

    hooks = [
        network.get_submodule(node.name).register_forward_hook(
            lambda _module, _inputs, result, node=node: keep(node, result)
        )
        for node in network.graph.nodes
    ]
    try:
        with torch.inference_mode():
            network(torch.from_numpy(image))
    finally:
        for hook in hooks:
            hook.remove()
    return found
