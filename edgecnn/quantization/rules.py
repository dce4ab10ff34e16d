"""The effect of each operation on int8 grids: the only such table, for simulation and training.

The rules are those of the integer runtimes: a kernel writes its result once, on a grid of its own; an
operation that only moves values keeps the grid of its input, because its kernel copies bytes; a concatenation
has one grid for all its parts.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

import torch

from edgecnn.quantization.operators import ACTIVATIONS, FUSED, NORMALIZATIONS, Target

if TYPE_CHECKING:
    from torch import fx

_ATEN = torch.ops.aten


class Rule(Enum):
    """The relation of an operation's output grid to its input grid.

    Attributes:
        MOVES: The output holds values of the input, on the grid of the input.
        SPLITS: Like MOVES, for an operation with several outputs.
        JOINS: All inputs and the output share one grid.
        COMPUTES: The output has a grid of its own.
        CLIPS: The layer or addition before it computes it before writing: its result has a grid, but its
            input has none. After any other operation, it is like COMPUTES.
    """

    MOVES = auto()
    SPLITS = auto()
    JOINS = auto()
    COMPUTES = auto()
    CLIPS = auto()


_MOVES = (
    _ATEN.clone.default,
    _ATEN.constant_pad_nd.default,
    _ATEN.contiguous.default,
    _ATEN.expand.default,
    _ATEN.flatten.using_ints,
    _ATEN.max_pool2d.default,
    _ATEN.pad.default,
    _ATEN.permute.default,
    _ATEN.reshape.default,
    _ATEN.select.int,
    _ATEN.slice.Tensor,
    _ATEN.squeeze.dim,
    _ATEN.squeeze.dims,
    _ATEN.transpose.int,
    _ATEN.unsqueeze.default,
    _ATEN.upsample_nearest2d.default,
    _ATEN.upsample_nearest2d.vec,
    _ATEN.view.default,
)
_SPLITS = (_ATEN.chunk.default, _ATEN.split.Tensor, _ATEN.split_with_sizes.default)
_COMPUTES = (
    _ATEN.adaptive_avg_pool2d.default,
    _ATEN.add.Tensor,
    _ATEN.avg_pool2d.default,
    _ATEN.div.Tensor,
    _ATEN.mean.dim,
    _ATEN.mul.Tensor,
    _ATEN.sub.Tensor,
    _ATEN.upsample_bilinear2d.vec,
    *(activation for activation in ACTIVATIONS if activation not in FUSED),
    *NORMALIZATIONS,
)

RULES: dict[Target, Rule] = {
    **dict.fromkeys(_MOVES, Rule.MOVES),
    **dict.fromkeys(_SPLITS, Rule.SPLITS),
    _ATEN.cat.default: Rule.JOINS,
    **dict.fromkeys(_COMPUTES, Rule.COMPUTES),
    **dict.fromkeys(FUSED, Rule.CLIPS),
}
"""Rules by operation. Convolutions and fully connected layers are not in the table, because a trace lists
them as layers. For an unknown operation the simulation rounds the result to a grid of its own, which is the
worse case, and training leaves it in float."""


def rule_of(node: fx.Node) -> Rule | None:
    """Return the rule for a node of a traced program; None if there is none."""
    return RULES.get(node.target) if isinstance(node.target, Target) else None


def is_part_of_split(node: fx.Node) -> bool:
    """Return whether a node selects one output of an operation that splits its input."""
    return "getitem" in str(node.target)
