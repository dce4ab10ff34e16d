"""Pruning to a given share of the multiply-accumulates or parameters."""

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
    """The number of channels to keep in every group.

    Attributes:
        kept: Channels that every group keeps.
        share: Cost that is left, as a share of the whole network's.
        at_least: Whether every group is at its minimum, so that the cost cannot be lower.
    """

    kept: Mapping[str, int]
    share: float
    at_least: bool


@dataclass(frozen=True)
class Pruned:
    """A network without some of its channels.

    Attributes:
        module: The network.
        cut: Number of channels that every group keeps.
        groups: The groups before pruning.
    """

    module: nn.Module
    cut: Cut
    groups: tuple[ChannelGroup, ...]

    @property
    def widths(self) -> tuple[GroupWidth, ...]:
        """Return the width of every group that was considered."""
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
    """Prune until the cost is at most ``limit``, removing no more than necessary.

    Args:
        structure: The network and its groups.
        policy: The order in which channels are removed.
        costs: Costs of its layers.
        metric: ``macs`` or ``params``.
        whole: Cost of the network before any pruning.
        limit: Largest allowed cost, as a share of ``whole``.
        strict: Whether a limit that cannot be reached is an error; otherwise the network is pruned as far as
            possible.

    Raises:
        InputError: The limit cannot be reached, or the network cannot be pruned.
    """
    cut = find_cut(structure, policy, costs, metric=metric, whole=whole, limit=limit)
    if cut.share > limit and strict:
        raise InputError(
            f"{structure.name} cannot be pruned to {limit:.3g} of its {metric}: "
            f"with every layer at its smallest width, {cut.share:.3f} is left",
            hint=f"ask for more than that, or lower prune.multiple, which is {policy.multiple}",
        )
    module = structure.without(policy.removed(cut.kept))
    return Pruned(module, cut, tuple(structure.groups))


def find_cut(
    structure: Structure, policy: Policy, costs: NetworkCosts, *, metric: Metric, whole: int, limit: float
) -> Cut:
    """Return the smallest cut within a limit, or the largest possible: costs fall as strength grows."""

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
    """Return the input and output channels of every layer for these numbers of kept channels."""
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
