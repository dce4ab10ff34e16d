"""Groups of channels that can only be removed together, found by torch-pruning's dependency graph.

Fang et al. 2023, DepGraph (arXiv:2301.12900). This module adds three things: it finds the heads from the
outputs backwards and keeps them; it leaves alone groups with layers that ``spec.json`` cannot describe; and
it proves the result: the smaller network must compute the same as the whole one with the channels multiplied
by 0.
"""

from __future__ import annotations

import contextlib
import copy
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch_pruning as tp
from torch import Tensor, nn

from edgecnn.core.errors import InputError
from edgecnn.models.widths import LAYERS, is_depthwise
from edgecnn.pruning.last_call import LastCall, operation
from edgecnn.pruning.time_limit import TookTooLong, time_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Removals = Mapping[str, Sequence[int]]

# Errors that torch-pruning raises for an unsupported network; it has no exceptions of its own.
_UNTRACEABLE = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError, AssertionError)
_TOLERANCE = 1e-3
MOST_SECONDS = 120.0
"""Time in which the channels of a network are followed; the largest network of the tests needs seconds."""

_HINT = (
    "operations such as attention, a pixel shuffle or a maximum over channels mix channels; "
    "use another network, or leave out `prune`"
)


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that several layers share: a channel is removed from all of them.

    Attributes:
        name: Qualified name of the layer that names the group.
        channels: Number of channels.
        outputs: Entries for each channel in the outputs of layers, by name.
        inputs: Entries for each channel in the inputs of layers, by name.
    """

    name: str
    channels: int
    outputs: Mapping[str, int]
    inputs: Mapping[str, int]


class Structure:
    """The prunable groups of channels of one network.

    Args:
        module: The network; it is not changed.
        example: One image, float32 ``[1, C, H, W]``.
        name: Name of the network in messages.

    Attributes:
        groups: The groups, in the order of their first layers.

    Raises:
        InputError: The network cannot be traced, or no channel of it can be pruned.
    """

    def __init__(self, module: nn.Module, example: Tensor, name: str) -> None:
        self.module, self.example, self.name = module.eval(), example, name
        self._names = {layer: path for path, layer in module.named_modules()}
        with self._explained():
            self._check_outputs()
            self._graph = self._trace(module)
            heads = output_layers(module, example)
            traced = list(self._graph.get_all_groups(ignored_layers=list(heads)))
            described = [(self._describe(items), items) for items in traced]
        found = [(group, items) for group, items in described if group is not None and group.inputs]
        self.groups = [group for group, _ in found]
        self._items = {group.name: items for group, items in found}
        self._readers = {group.name: self._readers_of(items) for group, items in found}
        if not self.groups:
            raise InputError(
                f"{name} has no channels that can be removed",
                hint="its layers are outputs, or are connected to operations that mix channels: use another "
                "network, or leave out `prune`",
            )

    def scores(self, importance: Callable[[Any], Tensor | None]) -> dict[str, Tensor]:
        """Return the importance of channels, float32 ``[channels]`` by group, where the measure applies.

        Args:
            importance: One of torch-pruning's, called with a whole group.
        """
        with self._followed():
            found = {name: importance(items) for name, items in self._items.items()}
        return {name: score.detach().float().cpu() for name, score in found.items() if score is not None}

    def without(self, removed: Removals) -> nn.Module:
        """Return a copy of the network without some channels, proven to compute the same as before.

        Args:
            removed: Indices of the channels to remove, by group.

        Raises:
            InputError: An operation does not work with fewer channels; the message names it.
        """
        small = self._cut(removed)
        if not self._computes_the_same(small, removed):
            raise InputError(
                f"{self.name} cannot be pruned: it does not compute the same without the channels of "
                f"{self._culprit(removed)}",
                hint="an operation there mixes channels: use another network, or leave out `prune`",
            )
        return small

    def _cut(self, removed: Removals) -> nn.Module:
        small = copy.deepcopy(self.module)
        with self._explained():
            graph = self._trace(small)
        for name, channels in removed.items():
            if channels:
                with self._followed(name):
                    _group_of(graph, small.get_submodule(name), channels).prune()
        return small.requires_grad_(True).eval()

    @contextlib.contextmanager
    @torch.no_grad()
    def masked(self, removed: Removals) -> Iterator[nn.Module]:
        """Lend the network with masked channels: layers that read one multiply it by zero.

        Args:
            removed: Indices of the channels, by group.
        """
        saved: dict[nn.Parameter, Tensor] = {}
        try:
            for name, channels in removed.items():
                gone = set(channels)
                for weight, entries, roots in self._readers[name]:
                    saved.setdefault(weight, weight.detach().clone())
                    picked = [entry for entry, root in zip(entries, roots, strict=True) if root in gone]
                    with self._followed(name):
                        weight[:, picked] = 0.0
            yield self.module
        finally:
            for weight, value in saved.items():
                weight.copy_(value)

    def _computes_the_same(self, small: nn.Module, removed: Removals) -> bool:
        found = self._run(small)
        with torch.no_grad(), self.masked(removed) as whole:
            return _alike(whole(self.example), found)

    def _run(self, small: nn.Module) -> Any:
        """Return the outputs of a smaller network, or name the operation that fails."""
        last = LastCall()
        try:
            with torch.no_grad(), last.watch(small):
                return small(self.example)
        except _UNTRACEABLE as error:
            raise InputError(
                f"{self.name} cannot be pruned: {last} does not work with fewer channels",
                hint="the code has the number of channels as a constant, or an operation before it mixes "
                "channels: write x.shape[1] for the number, use another network, or leave out `prune`",
            ) from error

    def _culprit(self, removed: Removals) -> str:
        """Return the first group whose pruning changes the outputs, with its operations."""
        for name, channels in removed.items():
            alone = {name: channels}
            if not self._computes_the_same(self._cut(alone), alone):
                nodes = [item.dep.target for item in self._items[name]]
                passed = {operation(node.name) for node in nodes if node.module not in self._names} - {""}
                return f"{name}, which pass {', '.join(sorted(passed)) or 'no operation'}"
        return "several groups together"

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Explain an error of reading the graph, which some networks have without an end."""
        try:
            with time_limit(MOST_SECONDS):
                yield
        except TookTooLong as error:
            raise InputError(
                f"the channels of {self.name} were followed for {MOST_SECONDS:g} s without an end",
                hint=_HINT,
            ) from error
        except _UNTRACEABLE as error:
            raise InputError(
                f"{self.name} cannot be pruned: its channels cannot be followed from layer to layer",
                hint=_HINT,
            ) from error

    @contextlib.contextmanager
    def _followed(self, group: str = "") -> Iterator[None]:
        """Explain an error of following channels through the operations of the network."""
        where = f" of {group}" if group else ""
        try:
            with time_limit(MOST_SECONDS):
                yield
        except TookTooLong as error:
            message = f"the channels{where} were followed for {MOST_SECONDS:g} s without an end"
            raise InputError(f"{self.name} cannot be pruned: {message}", hint=_HINT) from error
        except _UNTRACEABLE as error:
            message = f"the channels{where} cannot be followed to the layers that read them"
            raise InputError(f"{self.name} cannot be pruned: {message}", hint=_HINT) from error

    def _check_outputs(self) -> None:
        """Refuse outputs that cannot be compared with those of a smaller network."""
        with torch.no_grad():
            answer = self.module(self.example)
        outputs = list(answer) if isinstance(answer, tuple | list) else [answer]
        if not outputs or not all(isinstance(output, Tensor) for output in outputs):
            raise InputError(
                f"{self.name} cannot be pruned: its {type(answer).__name__} of outputs has no tensors",
                hint="let its forward function return one tensor or a tuple of tensors",
            )
        if not all(bool(torch.isfinite(output).all()) for output in outputs):
            raise InputError(
                f"{self.name} cannot be pruned: its outputs are not finite numbers",
                hint="its weights are damaged, or it divides by zero: give other weights, or train it again",
            )

    def _trace(self, module: nn.Module) -> Any:
        modes = [parameter.requires_grad for parameter in module.parameters()]
        module.requires_grad_(True)  # the graph is read from what autograd records
        try:
            with warnings.catch_warnings(), torch.enable_grad():
                warnings.simplefilter("ignore")
                return tp.DependencyGraph().build_dependency(module, self.example, verbose=False)
        finally:
            for parameter, mode in zip(module.parameters(), modes, strict=True):
                parameter.requires_grad = mode

    def _readers_of(self, items: Any) -> list[tuple[nn.Parameter, list[int], list[int]]]:
        """Return the weights that read a group, their entries, and the channel of each entry."""
        return [
            (item.dep.target.module.weight, list(item.idxs), list(item.root_idxs))
            for item in items
            if _reads(self._graph, item.dep)
        ]

    def _describe(self, items: Any) -> ChannelGroup | None:
        """Return a group as data; None if it has a layer that cannot be narrowed."""
        root = items[0].dep.target.module
        channels = len(items[0].idxs)
        outputs: dict[str, int] = {}
        inputs: dict[str, int] = {}
        for dependency, indices in items:
            layer = dependency.target.module
            if isinstance(layer, nn.Parameter):
                return None
            if layer not in self._names:  # an operation, not a layer
                continue
            grouped = isinstance(layer, nn.Conv2d) and layer.groups > 1 and not is_depthwise(layer)
            if not isinstance(layer, LAYERS) or grouped or len(indices) % channels:
                if any(True for _ in layer.parameters()) or grouped:
                    return None
                continue
            sides = inputs if _reads(self._graph, dependency) else outputs
            sides[self._names[layer]] = len(indices) // channels
        return ChannelGroup(self._names[root], channels, outputs, inputs)


def output_layers(module: nn.Module, example: Tensor) -> set[nn.Module]:
    """Return the layers with weights from which the network's outputs come without another such layer.

    Args:
        module: The network, in evaluation mode.
        example: One image, float32 ``[1, C, H, W]``.
    """
    made_by: dict[Any, nn.Module] = {}

    def note(layer: nn.Module, _: Any, output: Tensor) -> None:
        made_by[output.grad_fn] = layer

    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.enable_grad():
            answer = module(example.clone().requires_grad_())
    finally:
        for hook in hooks:
            hook.remove()
    found, seen, ahead = set(), set(), [output.grad_fn for output in _tensors(answer)]
    while ahead:
        function = ahead.pop()
        if function is None or function in seen:
            continue
        seen.add(function)
        if function in made_by:
            found.add(made_by[function])
        else:
            ahead += [source for source, _ in function.next_functions]
    return found


def _group_of(graph: Any, layer: nn.Module, channels: Sequence[int]) -> Any:
    prune = graph.get_pruner_of_module(layer).prune_out_channels
    return graph.get_pruning_group(layer, prune, list(channels))


def _reads(graph: Any, dependency: Any) -> bool:
    """Return whether a layer of a group reads the channels, and does not pass them on as its own."""
    layer = dependency.target.module
    takes = graph.is_in_channel_pruning_fn(dependency.handler)
    return takes and isinstance(layer, nn.Conv2d | nn.Linear) and not is_depthwise(layer)


def _tensors(answer: Any) -> list[Tensor]:
    return [answer] if isinstance(answer, Tensor) else list(answer)


def _alike(expected: Any, found: Any) -> bool:
    """Return whether outputs are equal except for the order of summation."""
    pairs = list(zip(_tensors(expected), _tensors(found), strict=True))
    return all(
        one.shape == other.shape
        and float((one - other).detach().abs().max())
        <= _TOLERANCE * max(1e-6, float(one.detach().abs().max()))
        for one, other in pairs
    )
