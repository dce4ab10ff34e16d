"""Raw maps of several kinds, taken apart: each kind becomes a convolution of its own.

One convolution may compute boxes and scores together. In int8 they would share one scale, so its weights are
divided among convolutions that compute the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_ir as ir

from edgecnn.models.imported.graph import GraphPart
from edgecnn.models.imported.onnx_graph import constant, maker, name_of, shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edgecnn.models.imported.codings.guess import Part

_AXIS = 1


def name_parts(parts: Sequence[Part]) -> tuple[tuple[str, ...], tuple[GraphPart, ...]]:
    """Return the names of a network's outputs, and the outputs that are some channels of a map."""
    names, sliced = [], []
    for place, part in enumerate(parts):
        name = part.source if part.whole else f"{part.source}_part_{place}"
        names.append(name)
        if not part.whole:
            sliced.append(GraphPart(name=name, source=part.source, channels=part.channels))
    return tuple(names), tuple(sliced)


def add_parts(model: ir.Model, parts: Sequence[GraphPart]) -> None:
    """Add the operations that take the channels of parts to a linked model, in place."""
    values = {name_of(value): value for node in model.graph for value in node.outputs}
    for part in parts:
        index = _add(model, f"{part.name}_channels", np.array(part.channels, np.int64))
        source = values[part.source]
        node = ir.node("Gather", [source, index], {"axis": _AXIS}, name=part.name)
        (result,) = node.outputs
        result.name, result.type = part.name, source.type
        result.shape = ir.Shape([1, len(part.channels), *shape_of(source)[2:]])
        model.graph.append(node)


def append_parts(graph: onnx.GraphProto, parts: Sequence[GraphPart]) -> None:
    """Append the operations that take the channels of parts, in place."""
    for part in parts:
        index = f"{part.name}_channels"
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(part.channels, np.int64), index))
        graph.node.append(
            onnx.helper.make_node("Gather", [part.source, index], [part.name], part.name, axis=_AXIS)
        )


def divide_convolutions(model: ir.Model, parts: Sequence[GraphPart]) -> None:
    """Replace convolutions of which only parts are read by one for each part, in place."""
    wanted = {part.name: part for part in parts}
    for node in [node for node in model.graph if name_of(node.outputs[0]) in wanted]:
        source = maker(node.inputs[0], "Conv")
        weight = None if source is None else constant(source.inputs[1])
        if source is None or weight is None or source.attributes.get_int("group", 1) != 1:
            continue
        channels = np.array(wanted[name_of(node.outputs[0])].channels)
        name = name_of(node.outputs[0])
        inputs: list[ir.Value | None] = [source.inputs[0], _add(model, f"{name}_weight", weight[channels])]
        if len(source.inputs) > len(inputs):
            bias = constant(source.inputs[2])
            if bias is None:
                continue
            inputs.append(_add(model, f"{name}_bias", bias[channels]))
        made = ir.node("Conv", inputs, source.attributes, name=name)
        ir.convenience.replace_nodes_and_values(model.graph, node, [node], [made], node.outputs, made.outputs)


def _add(model: ir.Model, name: str, values: npt.NDArray[Any]) -> ir.Value:
    """Add a constant to the graph and return it."""
    tensor = ir.tensor(np.ascontiguousarray(values), name=name)
    value = ir.Value(
        name=name, shape=ir.Shape(values.shape), type=ir.TensorType(tensor.dtype), const_value=tensor
    )
    model.graph.register_initializer(value)
    return value
