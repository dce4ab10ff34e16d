"""Which node of an ONNX graph makes a tensor, who reads it, and parts of the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np
    import numpy.typing as npt

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Wiring:
    """An ONNX graph by its tensors' names.

    Attributes:
        makers: The node that makes a tensor.
        readers: The nodes that read it.
        constants: Initializers and what Constant nodes hold.
        shapes: Shapes, -1 where a size is not static.
    """

    makers: dict[str, onnx.NodeProto]
    readers: dict[str, list[onnx.NodeProto]]
    constants: dict[str, npt.NDArray[np.generic]]
    shapes: dict[str, Shape]

    @classmethod
    def of(cls, graph: onnx.GraphProto) -> Wiring:
        """Look at a graph whose shapes were inferred."""
        makers = {name: node for node in graph.node for name in node.output}
        readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                readers.setdefault(name, []).append(node)
        constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                constants[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
        typed = (*graph.input, *graph.value_info, *graph.output)
        shapes = {value.name: static_shape(value) for value in typed}
        return cls(makers, readers, constants, shapes)

    def behind(self, outputs: Sequence[str], stop: Collection[str] = ()) -> list[str]:
        """Return the outputs of all nodes that some tensors are computed from, up to those in ``stop``."""
        found: dict[str, None] = {}
        waiting = list(outputs)
        while waiting:
            name = waiting.pop()
            node = self.makers.get(name)
            if node is None or name in found:
                continue
            found[name] = None
            if name not in stop:
                waiting += [source for source in node.input if source]
        return list(found)


def static_shape(value: onnx.ValueInfoProto) -> Shape:
    """Return a tensor's shape, -1 where a size is not static."""
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.HasField("dim_value") else -1 for size in sizes)


def drop_unread(graph: onnx.GraphProto) -> None:
    """Remove the nodes that no output is computed from, in place."""
    wanted = set(Wiring.of(graph).behind([value.name for value in graph.output]))
    kept = [node for node in graph.node if wanted.intersection(node.output)]
    graph.ClearField("node")
    graph.node.extend(kept)


def cut(model: onnx.ModelProto, outputs: Sequence[str]) -> onnx.ModelProto:
    """Return the part of a model that computes some tensors, which become its outputs."""
    graph = model.graph
    wanted = set(Wiring.of(graph).behind(outputs))
    nodes = [node for node in graph.node if wanted.intersection(node.output)]
    read = {name for node in nodes for name in node.input}
    part = onnx.ModelProto()
    part.CopyFrom(model)
    for field in ("node", "output", "initializer", "value_info"):
        part.graph.ClearField(field)
    part.graph.node.extend(nodes)
    part.graph.initializer.extend(tensor for tensor in graph.initializer if tensor.name in read)
    part.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs
    )
    return part
