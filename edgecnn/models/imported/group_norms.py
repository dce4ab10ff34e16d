"""GroupNormalization, which ONNX Runtime takes apart and older exporters write as InstanceNormalization.

Both write it as a reshape to ``[N, groups, -1]``, a normalization of every group, a reshape back, a product
and a sum with one number a channel. Written so before ONNX Runtime folds constants, it is one operation again
afterwards.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from edgecnn.models.imported.onnx_graph import constant, maker, shape_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Values = npt.NDArray[np.float32]

_WEIGHTS_A_CHANNEL = 21
_GROUPS_OF_ROWS = 3


class WriteGroupNorms(ir.passes.InPlacePass):
    """Write every GroupNormalization of constant weights as operations that ONNX Runtime has."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite the model's graph."""
        opset = model.graph.opset_imports.get("", 0)
        nodes = [node for node in model.graph if node.op_type == "GroupNormalization" and not node.domain]
        written = [_write(model.graph, node, opset) for node in nodes]
        return ir.passes.PassResult(model, modified=any(written))


def _write(graph: ir.Graph, node: ir.Node, opset: int) -> bool:
    source, (scale, bias) = node.inputs[0], map(constant, node.inputs[1:3])
    shape, groups = shape_of(source), node.attributes.get_int("num_groups", 0)
    if source is None or scale is None or bias is None or len(shape) < _GROUPS_OF_ROWS or min(shape) < 1:
        return False
    if groups < 1 or shape[1] % groups:
        return False
    if opset < _WEIGHTS_A_CHANNEL:
        scale, bias = (np.repeat(value, shape[1] // groups) for value in (scale, bias))
    name = node.outputs[0].name

    def held(what: str, value: npt.NDArray[np.generic]) -> ir.Value:
        made = ir.val(f"{name}/{what}", const_value=ir.tensor(value))
        graph.initializers.add(made)
        return made

    rows = ir.node("Reshape", [source, held("rows", np.array([0, groups, -1]))])
    ones, zeros = held("ones", np.ones(groups, np.float32)), held("zeros", np.zeros(groups, np.float32))
    epsilon = node.attributes.get_float("epsilon", 1e-5)
    even = ir.node("InstanceNormalization", [rows.outputs[0], ones, zeros], attributes={"epsilon": epsilon})
    maps = ir.node("Reshape", [even.outputs[0], held("shape", np.array(shape))])
    wide = (-1, *[1] * (len(shape) - 2))
    scaled = ir.node("Mul", [maps.outputs[0], held("scale", scale.astype(np.float32).reshape(wide))])
    moved = ir.node("Add", [scaled.outputs[0], held("bias", bias.astype(np.float32).reshape(wide))])
    moved.name = node.name
    made = [rows, even, maps, scaled, moved]
    ir.convenience.replace_nodes_and_values(graph, node, [node], made, node.outputs, moved.outputs)
    return True


class JoinGroupNorms(ir.passes.InPlacePass):
    """Turn the operations of a group normalization into one, with one number of each weight a channel."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite the model's graph; operations without readers are left in it."""
        sums = [node for node in model.graph if node.op_type == "Add"]
        joined = [_join(model.graph, node) for node in sums]
        return ir.passes.PassResult(model, modified=any(joined))


def _join(graph: ir.Graph, sums: ir.Node) -> bool:
    product, bias = _with_channels(sums, "Mul")
    if product is None or bias is None:
        return False
    maps, scale = _with_channels(product, "Reshape")
    even = maker(maps.inputs[0], "InstanceNormalization") if maps is not None else None
    rows = maker(even.inputs[0], "Reshape") if even is not None else None
    if maps is None or even is None or rows is None or scale is None:
        return False
    shape, grouped = shape_of(rows.inputs[0]), shape_of(rows.outputs[0])
    channels = shape[1] if len(shape) >= _GROUPS_OF_ROWS else 0
    weights = [
        np.broadcast_to(value.ravel(), (channels,)) for value in (scale, bias) if value.size == channels
    ]
    plain = _is_plain(even)
    if (
        shape_of(maps.outputs[0]) != shape
        or len(grouped) != _GROUPS_OF_ROWS
        or len(weights) != 2
        or not plain
    ):
        return False
    if min(shape) < 1 or grouped[0] != shape[0] or channels % grouped[1]:
        return False
    tensors = []
    for what, value in zip(("scale", "bias"), weights, strict=True):
        tensors.append(ir.val(f"{sums.outputs[0].name}/group_{what}", const_value=ir.tensor(value.copy())))
        graph.initializers.add(tensors[-1])
    settings = {"num_groups": grouped[1], "epsilon": even.attributes.get_float("epsilon", 1e-5)}
    joined = ir.node("GroupNormalization", [rows.inputs[0], *tensors], attributes=settings, name=sums.name)
    ir.convenience.replace_nodes_and_values(graph, sums, [sums], [joined], sums.outputs, joined.outputs)
    return True


def _with_channels(node: ir.Node, kind: str) -> tuple[ir.Node | None, Values | None]:
    """Return the operation of this kind and the constants, one a channel, that a sum or product joins."""
    for one, other in (node.inputs, node.inputs[::-1]):
        found, values = maker(one, kind), constant(other)
        rank = len(shape_of(one))
        if found is not None and values is not None and values.dtype == np.float32:
            sizes = (1,) * (rank - values.ndim) + values.shape
            if rank >= _GROUPS_OF_ROWS and values.ndim <= rank and math.prod(sizes) == sizes[1]:
                return found, values
    return None, None


def _is_plain(even: ir.Node) -> bool:
    """Return whether a normalization leaves out weights."""
    scale, bias = map(constant, even.inputs[1:3])
    return scale is not None and bias is not None and bool((scale == 1).all() and not bias.any())
