"""A network pruned until a share of its multiply-accumulates or parameters is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.documents.pruning import GroupWidth
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from edgecnn.pruning.costs import Metric, NetworkCosts
    from edgecnn.pruning.policy import Policy
    from edgecnn.pruning.structure import ChannelGroup, Structure

_HALVINGS = 30


@dataclass(frozen=True)
class Cut:
    """How much of every group goes.

    Attributes:
        kept: Channels that every group keeps.
        share: What is left of the whole network's cost.
        at_least: Whether every group is at its least, so that no less can be reached.
    """

    kept: Mapping[str, int]
    share: float
    at_least: bool


@dataclass(frozen=True)
class Pruned:
    """A network without some of its channels.

    Attributes:
        module: The network.
        cut: How much of every group went.
        groups: The groups as they were.
    """

    module: nn.Module
    cut: Cut
    groups: tuple[ChannelGroup, ...]

    @property
    def widths(self) -> tuple[GroupWidth, ...]:
        """What became of every group that was looked at."""
        return tuple(
            GroupWidth(name=group.name, before=group.channels, after=self.cut.kept[group.name])
            for group in self.groups
            if group.name in self.cut.kept
        )


def prune(
    structure: Structure,
    policy: Policy,
    costs: NetworkCosts,
    *,
    metric: Metric,
    whole: int,
    limit: float,
    strict: bool = True,
) -> Pruned:
    """Prune a network as little as brings its cost down to a limit.

    Args:
        structure: The network and its groups.
        policy: Which channels go first.
        costs: What its layers cost.
        metric: ``macs`` or ``params``.
        whole: What the network cost before any pruning.
        limit: Largest share of that which may be left.
        strict: Whether a limit that cannot be reached is an error; else the network is pruned as far as it
            can be.

    Raises:
        InputError: The limit cannot be reached, or the network cannot be pruned.
    """
    cut = find_cut(structure, policy, costs, metric=metric, whole=whole, limit=limit)
    if cut.share > limit and strict:
        raise InputError(
            f"{structure.name} cannot be pruned to {limit:.3g} of its {metric}: "
            f"with every layer at its least width {cut.share:.3f} is left",
            hint=f"ask for more than that, or set prune.multiple, {policy.multiple}, to a smaller number",
        )
    module = structure.without(policy.removed(cut.kept))
    return Pruned(module, cut, tuple(structure.groups))


def find_cut(
    structure: Structure, policy: Policy, costs: NetworkCosts, *, metric: Metric, whole: int, limit: float
) -> Cut:
    """Return the gentlest cut within a limit, or the hardest where none is: costs fall as strength grows."""

    def share(kept: Mapping[str, int]) -> float:
        return costs.total(metric, widths_of(structure, costs, kept)) / whole

    gentle, hard = 0.0, 1.0
    least = policy.kept(hard)
    if share(policy.kept(gentle)) <= limit:
        hard = gentle
    elif share(least) <= limit:
        for _ in range(_HALVINGS):
            middle = (gentle + hard) / 2
            gentle, hard = (gentle, middle) if share(policy.kept(middle)) <= limit else (middle, hard)
    kept = policy.kept(hard)
    return Cut(kept, share(kept), at_least=kept == least)


def widths_of(
    structure: Structure, costs: NetworkCosts, kept: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """Return input and output channels of every layer when its groups keep so many channels."""
    inputs = {name: layer.channels[0] for name, layer in costs.layers.items()}
    outputs = {name: layer.channels[1] for name, layer in costs.layers.items()}
    for group in structure.groups:
        gone = group.channels - kept.get(group.name, group.channels)
        for name, entries in group.outputs.items():
            outputs[name] -= gone * entries
            if costs.layers[name].one_width:
                inputs[name] -= gone * entries
        for name, entries in group.inputs.items():
            inputs[name] -= gone * entries
    return {name: (inputs[name], outputs[name]) for name in costs.layers}
