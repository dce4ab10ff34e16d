"""Recurrent layers over sequences ``[T, N, I]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.models.imported.settings import flag, number, unsupported, word

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.models.imported.graph import ImportedNode

LAYER = "layer"
"""Name of torch's layer inside the module of a node, and the first part of its weights' names."""

_KINDS: dict[str, Callable[..., nn.RNNBase]] = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}


class Recurrent(nn.Module):
    """A recurrent layer of torch with the inputs and outputs of ONNX.

    Args:
        layer: The layer; two directions are its own.
        reverse: Whether its only direction is from the last step to the first.
        states: Shapes of the initial states ``[directions, 1, hidden]`` by name; without any they are zeros.
        results: Number of results that are wanted: all steps, and the last states.
    """

    def __init__(
        self, layer: nn.Module, states: dict[str, tuple[int, ...]], *, reverse: bool, results: int
    ) -> None:
        super().__init__()
        self.layer = layer
        self._reverse, self._results, self._names = reverse, results, tuple(states)
        for name, shape in states.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))

    def forward(self, sequence: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the states of all steps, ``[T, directions, N, hidden]``, and the last ones, as wanted."""
        ordered = sequence.flip(0) if self._reverse else sequence
        count = sequence.shape[1]
        given = [self.get_parameter(name).expand(-1, count, -1).contiguous() for name in self._names]
        states: Any = tuple(given) if len(given) > 1 else (given[0] if given else None)
        steps, last = self.layer(ordered, states)
        ends = last if isinstance(last, tuple) else (last,)
        every = steps.reshape(*steps.shape[:2], ends[0].shape[0], -1).permute(0, 2, 1, 3)
        found = (every.flip(0) if self._reverse else every, *ends)[: self._results]
        return found[0] if self._results == 1 else found


class ResetBefore(nn.Module):
    """A GRU of one direction that resets the state before it is multiplied, as Cho et al. 2014 have it.

    Args:
        inputs: Number of values of a step.
        hidden: Number of values of the state.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.zeros(3 * hidden, inputs))
        self.weight_hh_l0 = nn.Parameter(torch.zeros(3 * hidden, hidden))
        self.bias_ih_l0 = nn.Parameter(torch.zeros(3 * hidden))
        self.bias_hh_l0 = nn.Parameter(torch.zeros(3 * hidden))
        self._hidden = hidden

    def forward(self, sequence: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the states of all steps, ``[T, N, hidden]``, and the last one, ``[1, N, hidden]``."""
        size = self._hidden
        given = functional.linear(sequence, self.weight_ih_l0, self.bias_ih_l0)
        held = sequence.new_zeros(sequence.shape[1], size) if state is None else state[0]
        gates, own = self.weight_hh_l0[: 2 * size], self.weight_hh_l0[2 * size :]
        gates_bias, own_bias = self.bias_hh_l0[: 2 * size], self.bias_hh_l0[2 * size :]
        steps = []
        for step in given.unbind(0):
            sums, fresh = step[:, : 2 * size], step[:, 2 * size :]
            reset, update = torch.sigmoid(sums + functional.linear(held, gates, gates_bias)).chunk(2, dim=1)
            new = torch.tanh(fresh + functional.linear(reset * held, own, own_bias))
            held = (1 - update) * new + update * held
            steps.append(held)
        return torch.stack(steps), held[None]


def recurrent(node: ImportedNode) -> nn.Module:
    """Return the module of an LSTM, GRU or RNN node, whose weights have the order and the names of torch.

    Raises:
        InputError: It has a direction that torch's layer lacks.
    """
    both, reverse = (word(node, "direction", "forward") == name for name in ("bidirectional", "reverse"))
    rows, inputs = node.weights[f"{LAYER}.weight_ih_l0"]
    hidden = node.weights[f"{LAYER}.weight_hh_l0"][1]
    states: dict[str, tuple[int, ...]] = {
        name: node.weights[name] for name in ("initial_h", "initial_c") if name in node.weights
    }
    layer: nn.Module
    if node.operator == "GRU" and not flag(node, "linear_before_reset"):
        if both:
            raise unsupported(node, "linear_before_reset is 0 in two directions")
        layer = ResetBefore(inputs, hidden)
    else:
        given = {"nonlinearity": word(node, "nonlinearity", "tanh")} if node.operator == "RNN" else {}
        layer = _KINDS[node.operator](inputs, hidden, bidirectional=both, **given)
    if rows != layer.get_parameter("weight_ih_l0").shape[0] or number(node, "hidden_size", hidden) != hidden:
        raise unsupported(node, f"its weights have {rows} rows for {hidden} values of the state")
    return Recurrent(layer, states, reverse=reverse, results=len(node.outputs))
