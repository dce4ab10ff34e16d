"""ONNX graphs as linked nodes and values of onnx_ir, with the queries that this package needs.

A protobuf message refers to tensors by name only. In onnx_ir a value knows the node that computes it and the
nodes that read it, also those in subgraphs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import onnx_ir as ir

from edgecnn.core.errors import InputError
from edgecnn.core.text import first_line, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

Shape = tuple[int, ...]

_SAME_SHAPE = ("GroupNormalization", "MeanVarianceNormalization")
"""Operators whose result has the shape of their input, and for which ONNX's inference of shapes fails."""

_MOST_WHOLE_NUMBERS = 1 << 20


def infer_shapes(
    model: onnx.ModelProto, name: Path, *, data_prop: bool = False, strict: bool = True
) -> onnx.ModelProto:
    """Return a model with the shapes of all its tensors.

    Args:
        model: Its nodes may be in any order; the result has them in an order of execution.
        name: Name of the model in messages.
        data_prop: Whether shapes that the graph itself computes are inferred as well.
        strict: Whether every shape must be inferred, and no shapes may contradict each other.

    Raises:
        InputError: Shapes contradict each other, an operation's shape inference is unknown, or a list of
            whole numbers is too long to be followed.
    """
    if not _is_in_order(model.graph):
        model = proto_of(link(model, name), name)
    if data_prop:
        _refuse_long_lists(infer_shapes(model, name, strict=False), name)
    shown, kept = _with_stand_ins(model)
    try:
        inferred = onnx.shape_inference.infer_shapes(shown, strict_mode=strict, data_prop=data_prop)
    # A message in which a name is not UTF-8 is a ValueError.
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError, MemoryError) as error:
        raise InputError(f"the shapes of {name} cannot be inferred: {one_line(error)}") from error
    for place, node in kept.items():
        inferred.graph.node[place].CopyFrom(node)
    return inferred


def _refuse_long_lists(model: onnx.ModelProto, name: Path) -> None:
    """Refuse lists of whole numbers each of which ONNX would follow through the graph as if it were a size.

    That takes 0.4 microseconds and some 50 bytes a number.

    Raises:
        InputError: A tensor of one axis has too many whole numbers.
    """
    for value in model.graph.value_info:
        kind = value.type.tensor_type
        whole = kind.elem_type in (onnx.TensorProto.INT32, onnx.TensorProto.INT64)
        sizes = kind.shape.dim
        if whole and len(sizes) == 1 and sizes[0].dim_value > _MOST_WHOLE_NUMBERS:
            raise InputError(
                f"{name}: {one_line(value.name)[:80]} is a list of {sizes[0].dim_value:,} whole numbers; the "
                f"largest has {_MOST_WHOLE_NUMBERS:,}",
                hint="replace operations on constants by their results, for example with onnxsim",
            )


def _with_stand_ins(model: onnx.ModelProto) -> tuple[onnx.ModelProto, dict[int, onnx.NodeProto]]:
    """Return a model with Identity in place of operations of the same shape that ONNX cannot infer.

    Returns:
        The model, which is the given one if it has no such operation, and these operations by their places.
    """
    kept = {
        place: node
        for place, node in enumerate(model.graph.node)
        if node.op_type in _SAME_SHAPE and node.domain in ("", "ai.onnx") and node.input and node.output
    }
    if not kept:
        return model, kept
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    for place, node in kept.items():
        shown.graph.node[place].CopyFrom(onnx.helper.make_node("Identity", node.input[:1], node.output[:1]))
    return shown, kept


def _is_in_order(graph: onnx.GraphProto) -> bool:
    """Return whether no node of a graph reads what a later one computes; shape inference needs that."""
    waiting = {name for node in graph.node for name in node.output}
    for node in graph.node:
        if not waiting.isdisjoint(node.input):
            return False
        waiting.difference_update(node.output)
    return True


def link(model: onnx.ModelProto, name: Path) -> ir.Model:
    """Return a model as linked nodes and values, the nodes in an order of execution.

    Args:
        model: Content of a file, which is not trusted.
        name: Name of the model in messages.

    Raises:
        InputError: Nodes depend on each other in a circle, a tensor is computed twice or never, a constant
            has no value, or values are in another file.
    """
    try:
        linked = ir.serde.deserialize_model(model)
        linked.graph.sort()
    except (ir.serde.SerdeError, TypeError, ValueError) as error:
        raise _no_graph(name, error) from error
    for graph in (linked.graph, *linked.graph.subgraphs()):
        _check_names([graph.name, *map(name_of, (*graph.inputs, *graph.initializers.values()))], name)
        for value in graph.initializers.values():
            _check_tensor(value.const_value, name)
        _check_outputs(graph, name)
    for node in linked.graph.all_nodes():
        _check_node(node, name)
    return linked


def proto_of(model: ir.Model, name: Path) -> onnx.ModelProto:
    """Return a linked model as a message again.

    Args:
        model: The model; what a file from outside says in it is not trusted.
        name: Name of the model in messages.

    Raises:
        InputError: It cannot be written, for example because its metadata are not UTF-8.
    """
    try:
        return ir.to_proto(model)
    except ir.serde.SerdeError as error:
        raise _no_graph(name, error) from error


def _no_graph(name: Path, error: Exception) -> InputError:
    """Return the error for a graph that onnx_ir cannot read or write."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return InputError(f"{name} holds no valid graph: {first_line(cause)}")


def _check_names(names: Iterable[str | None], name: Path) -> None:
    """Refuse names that are not UTF-8, which protobuf gives as bytes."""
    for item in names:
        if isinstance(item, bytes):
            raise InputError(f"{name} holds no valid graph: a name in it is not UTF-8")


def _check_node(node: ir.Node, name: Path) -> None:
    _check_names([node.name, node.op_type, node.domain, *node.attributes, *map(name_of, node.outputs)], name)
    for value in node.inputs:
        if value is not None and value.producer() is None and value.graph is None:
            operation = node.name or node.op_type
            raise InputError(
                f"{name}: operation {operation} reads a tensor that no operation computes: {value.name}"
            )
    if node.op_type == "Constant" and (len(node.attributes), len(node.outputs)) != (1, 1):
        raise InputError(f"{name}: the constant {node.name} does not have one value")
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.TENSOR:
            _check_tensor(attribute.value, name)


def _check_outputs(graph: ir.Graph, name: Path) -> None:
    for value in graph.outputs:
        if value.producer() is None and not value.is_graph_input() and not value.is_initializer():
            raise InputError(f"{name}: no operation computes the output {name_of(value)}")


def _check_tensor(tensor: object, name: Path) -> None:
    if isinstance(tensor, ir.ExternalTensor):
        raise weights_elsewhere(name)


def weights_elsewhere(name: Path) -> InputError:
    """Return the error for a file that keeps its weights in another one."""
    return InputError(
        f"{name} keeps its weights in another file, which is supported only for a network to be imported",
        hint="write onnx.load(FILE) to a new file with onnx.save",
    )


def name_of(value: ir.Value | None) -> str:
    """Return a tensor's name, which is empty for an omitted input."""
    return "" if value is None else value.name or ""


def shape_of(value: ir.Value | None) -> Shape:
    """Return a tensor's shape, with -1 for a dynamic size; empty if the shape is unknown."""
    if value is None or value.shape is None:
        return ()
    return tuple(size if isinstance(size, int) else -1 for size in value.shape)


def constant(value: ir.Value | None) -> npt.NDArray[Any] | None:
    """Return the value of an initializer or of a Constant node's result; None for other tensors."""
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()


def stored(value: ir.Value | None) -> npt.NDArray[Any]:
    """Return the value of a constant tensor.

    Raises:
        InputError: The tensor is computed.
    """
    array = constant(value)
    if array is None:
        raise InputError(f"tensor {name_of(value)!r} must be a constant, but it is computed")
    return array


def maker(value: ir.Value | None, *kinds: str) -> ir.Node | None:
    """Return the node that computes a tensor if it is of one of these kinds."""
    node = None if value is None else value.producer()
    return node if node is not None and node.op_type in kinds else None


def cut(model: ir.Model, outputs: Sequence[str]) -> ir.Model:
    """Return a copy of the part of a model that computes some tensors, which become its outputs.

    Args:
        model: The model; its inputs stay the same.
        outputs: Names of tensors.
    """
    inputs = [value for value in model.graph.inputs if not value.is_initializer()]
    part = ir.convenience.extract(model.graph, inputs, outputs)
    functions = [function.clone() for function in model.functions.values()]
    return ir.Model(part, ir_version=model.ir_version, functions=functions)
