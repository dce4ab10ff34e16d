"""Execution of a traced program node by node; a tensor is freed after its last use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import fx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

_BATCH_BYTES = 1 << 22
"""Size of the float32 images in a batch; larger batches exceed the cache and are not faster."""

_MAX_BATCH = 64

NodeValues = dict[str, Any]
"""Values of a program by the names of its nodes: tensors, or tuples of them where an operation splits one."""


def compute(node: fx.Node, values: Mapping[str, Any]) -> Any:
    """Compute one operation from the values of its input nodes, which are given by name."""
    arguments = fx.node.map_arg(node.args, lambda item: values[item.name])
    keywords = fx.node.map_arg(node.kwargs, lambda item: values[item.name])
    return node.target(*arguments, **keywords)  # type: ignore[operator]


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
