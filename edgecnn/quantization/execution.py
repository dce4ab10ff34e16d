"""Execution of a traced program node by node; a tensor is freed after its last use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from edgecnn.quantization.operators import CONVOLUTIONS, NORMALIZATIONS, Target, is_operator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

_ATEN = torch.ops.aten

_OVERWRITING: dict[Target, Target] = {
    _ATEN.relu.default: _ATEN.relu_.default,
    _ATEN.relu6.default: _ATEN.relu6_.default,
}
"""Operations whose result may take the memory of their input, which is half the time."""

_BATCH_BYTES = 1 << 22
"""Size of the float32 images in a batch; larger batches exceed the cache and are not faster."""

_MAX_BATCH = 64

NodeValues = dict[str, Any]
"""Values of a program by the names of its nodes: tensors, or tuples of them where an operation splits one."""


def compute(node: fx.Node, values: Mapping[str, Any]) -> Any:
    """Compute one operation from the values of its input nodes, which are given by name.

    ReLU and ReLU6 overwrite a sum that no other operation reads.
    """
    arguments = fx.node.map_arg(node.args, lambda item: values[item.name])
    keywords = fx.node.map_arg(node.kwargs, lambda item: values[item.name])
    target = _OVERWRITING[node.target] if ends_a_sum(node) else node.target  # type: ignore[index]
    return target(*arguments, **keywords)  # type: ignore[operator]


def ends_a_sum(node: fx.Node) -> bool:
    """Return whether a node is the ReLU or ReLU6 that alone reads a convolution or its batch norm."""
    if not is_operator(node, _OVERWRITING):
        return False
    (source,) = node.all_input_nodes
    return is_operator(source, CONVOLUTIONS | NORMALIZATIONS) and len(source.users) == 1


def operations(program: fx.GraphModule) -> list[fx.Node]:
    """Return the operations of a program in order."""
    return [node for node in program.graph.nodes if node.op == "call_function"]


def output_nodes(program: fx.GraphModule) -> list[fx.Node]:
    """Return the nodes that a program returns."""
    return program.graph.output_node().all_input_nodes


def last_uses(program: fx.GraphModule) -> dict[str, list[str]]:
    """Return the names of the operations whose values are no longer needed after each operation."""
    kept = {node.name for node in output_nodes(program)}
    ended: dict[str, list[str]] = {}
    order = {node.name: index for index, node in enumerate(program.graph.nodes)}
    for node in operations(program):
        if node.name not in kept:
            last = max((user.name for user in node.users), key=order.__getitem__, default=node.name)
            ended.setdefault(last, []).append(node.name)
    return ended


def batches(images: Tensor, fixed: int | None) -> Iterator[Tensor]:
    """Yield images in batches of an efficient size, channels last.

    Args:
        images: float32 ``[N, C, H, W]``.
        fixed: The only batch size that the program takes, or None.
    """
    size = fixed or max(1, min(_MAX_BATCH, _BATCH_BYTES // images[0].nbytes))
    for start in range(0, len(images), size):
        yield images[start : start + size].to(memory_format=torch.channels_last)
