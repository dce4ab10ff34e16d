"""Properties of ATen operations, and the clean-up of a traced program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from edgecnn.quantization.kernels import CLIPS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from torch import fx

    from edgecnn.quantization.kernels import Activation

Target = torch._ops.OpOverload

_ATEN = torch.ops.aten

CONVOLUTIONS: frozenset[Target] = frozenset({_ATEN.conv2d.default, _ATEN.conv2d.padding})
LINEAR: frozenset[Target] = frozenset({_ATEN.linear.default})
NORMALIZATIONS: frozenset[Target] = frozenset({_ATEN.batch_norm.default})

ACTIVATIONS: dict[Target, Activation] = {
    _ATEN.relu.default: "relu",
    _ATEN.relu6.default: "relu6",
    _ATEN.hardtanh.default: "hardtanh",
    _ATEN.leaky_relu.default: "leaky_relu",
    _ATEN.hardswish.default: "hardswish",
    _ATEN.hardsigmoid.default: "hardsigmoid",
    _ATEN.sigmoid.default: "sigmoid",
    _ATEN.silu.default: "silu",
    _ATEN.gelu.default: "gelu",
    _ATEN.tanh.default: "tanh",
}

SIGMOIDS: frozenset[Target] = frozenset({_ATEN.sigmoid.default})
GATES: frozenset[Target] = frozenset({_ATEN.silu.default})

FUSED: frozenset[Target] = frozenset(target for target, name in ACTIVATIONS.items() if name in CLIPS)
"""Activations that every runtime computes inside the layer before them."""

_NOTHING: frozenset[Target] = frozenset(
    {
        _ATEN.alias.default,
        _ATEN.detach.default,
        _ATEN.dropout.default,
        _ATEN.feature_dropout.default,
    }
)
"""Operations that change no value in evaluation mode."""


def is_operator(node: fx.Node, targets: Collection[Target]) -> bool:
    """Return whether a node calls one of some ATen operations."""
    return node.op == "call_function" and node.target in targets


def gated(nodes: Iterable[fx.Node]) -> set[str]:
    """Return the tensors that only ``x * sigmoid(s * x)`` reads, with a scale ``s`` per channel."""
    found = set()
    for node in nodes:
        if is_operator(node, {_ATEN.mul.Tensor}) and len(node.all_input_nodes) == 2:
            source, gate = node.all_input_nodes
            argument = gate.all_input_nodes[0] if is_operator(gate, SIGMOIDS) else gate
            if is_operator(argument, CONVOLUTIONS) and set(source.users) == {node, argument}:
                found.add(source.name)
    return found


def arguments(node: fx.Node) -> tuple[Any, ...]:
    """Return the arguments of an operation, nodes and plain values; defaults at the end may be missing."""
    return tuple(node.args)


def clean(program: fx.GraphModule) -> None:
    """Rewrite a traced program in place: no in-place or ineffective operations, one name for ReLU6."""
    for node in list(program.graph.nodes):
        if node.op != "call_function" or not isinstance(node.target, Target):
            continue
        _without_mutation(node, node.target)
        source, *rest = arguments(node)
        if is_operator(node, _NOTHING):
            node.replace_all_uses_with(source)
            program.graph.erase_node(node)
        elif node.target is _ATEN.hardtanh.default and rest == [0.0, 6.0]:
            node.target, node.args = _ATEN.relu6.default, (source,)
    program.graph.eliminate_dead_code()
    program.recompile()


def _without_mutation(node: fx.Node, target: Target) -> None:
    """Replace ``relu_`` by ``relu``; later readers of the overwritten tensor read the result instead."""
    name, overload = target._opname, target._overloadname
    functional = getattr(getattr(_ATEN, name.removesuffix("_"), None), overload or "default", None)
    if not name.endswith("_") or name.endswith("__") or functional is None:
        return
    overwritten = arguments(node)[0]
    node.target = functional
    for user in list(overwritten.users):
        if user is not node and node < user:
            user.replace_input_with(overwritten, node)
