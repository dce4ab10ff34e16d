"""Adaptive rounding of one layer: every weight is rounded up or down to preserve the layer's output.

Nagel et al. 2020 (arXiv:2004.10568): the choice is relaxed to a rectified sigmoid (equation 23), optimized by
Adam on the error of the layer's output with its activation (equation 25), and driven to 0 or 1 by an annealed
regularizer (equation 24). There are two differences. The error is relative to that of rounding to nearest, so
that one weight of the regularizer suits all layers. And an offset of every output channel is learnt as well:
bias correction follows, so that rounding need not correct means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_LOW, _HIGH = -0.1, 1.1
"""Zeta and gamma of the rectified sigmoid."""

_BETA = (20.0, 2.0)
_WARM_UP = 0.2
"""Share of the iterations without regularizer."""

_REGULARIZATION = 5.0
_LEARNING_RATE = 0.05
_OFFSET_RATE = 1e-3
"""Learning rate of the offsets, relative to the spread of the targets."""

_BATCH, _SMALLEST_BATCH = 256, 32
_BATCH_VALUES = 1 << 21
"""Number of input values in a batch; it must fit the cache, which decides the time of an iteration."""

_HELD_OUT = 5
"""One of this many samples judges the choice and is not used for fitting."""

_SETTLED = 1e-3
"""Distance from a grid point, in steps, within which a weight is not optimized."""

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "relu6": functional.relu6,
    "leaky_relu": functional.leaky_relu,
    "hardswish": functional.hardswish,
    "hardsigmoid": functional.hardsigmoid,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "tanh": torch.tanh,
}


@dataclass(frozen=True)
class RoundingProblem:
    """A layer as a matrix product for each of its groups, all float32.

    Attributes:
        inputs: ``[G, P, K]``: inputs of the layer in the quantized network, at P positions.
        targets: ``[G, P, O / G]``: products in the float network, without bias.
        steps: ``[G, O / G, K]``: weights in units of their scale.
        scale: ``[G, O / G, 1]``.
        bias: ``[G, 1, O / G]``: bias before the activation.
        activation: Its name in :data:`edgecnn.quantization.operators.ACTIVATIONS`, or ``none``.
    """

    inputs: Tensor
    targets: Tensor
    steps: Tensor
    scale: Tensor
    bias: Tensor
    activation: str

    def activate(self, products: Tensor) -> Tensor:
        """Return the outputs of the layer."""
        sums = products + self.bias
        return _ACTIVATIONS[self.activation](sums) if self.activation in _ACTIVATIONS else sums

    def products(self, levels: Tensor, inputs: Tensor) -> Tensor:
        """Return the layer's products ``[G, P, O / G]`` with weights on the grid."""
        return torch.bmm(inputs, (levels * self.scale).transpose(1, 2))


@dataclass(frozen=True)
class Rounded:
    """Result of a layer's rounding.

    Attributes:
        nearest_error: Mean square error of the layer's output on held-out samples with rounding to nearest
            and
        corrected means, relative to the output's mean square.
        error: The same for the chosen rounding; rounding to nearest is kept if it is better.
        flipped: Share of the weights that are not rounded to nearest.
    """

    nearest_error: float
    error: float
    flipped: float


def optimize(problem: RoundingProblem, iterations: int, random: torch.Generator) -> tuple[Tensor, Rounded]:
    """Return the chosen grid points, float32 ``[G, O / G, K]``, and their errors.

    Args:
        problem: The layer.
        iterations: Steps of Adam; 0 rounds to nearest.
        random: Generator for the order of the samples.
    """
    order = torch.randperm(problem.inputs.shape[1], generator=random)
    held_out, fitted = (
        order[::_HELD_OUT],
        torch.cat([order[start::_HELD_OUT] for start in range(1, _HELD_OUT)]),
    )
    if len(fitted) == 0:
        fitted = held_out
    judge = _part(problem, held_out)
    learn = _part(problem, fitted)
    nearest = problem.steps.round()
    signal = float(judge.activate(judge.targets).square().mean())
    nearest_error = _error(judge, learn, nearest)
    levels, error = nearest, nearest_error
    if iterations > 0 and nearest_error > 0.0:
        chosen = _descend(learn, nearest, iterations)
        chosen_error = _error(judge, learn, chosen)
        if chosen_error < nearest_error:
            levels, error = chosen, chosen_error
    scale = 1.0 / signal if signal > 0.0 else 0.0
    flipped = float((levels != nearest).float().mean())
    return levels, Rounded(nearest_error * scale, error * scale, flipped)


def _part(problem: RoundingProblem, positions: Tensor) -> RoundingProblem:
    return replace(problem, inputs=problem.inputs[:, positions], targets=problem.targets[:, positions])


def _error(judge: RoundingProblem, learn: RoundingProblem, levels: Tensor) -> float:
    """Return the mean square error on one part of the samples, with means corrected on the other."""
    shift = (learn.targets - learn.products(levels, learn.inputs)).mean(dim=1, keepdim=True)
    return float(_square_error(judge, levels, shift))


def _descend(problem: RoundingProblem, nearest: Tensor, iterations: int) -> Tensor:
    """Choose by gradient descent; return the grid points."""
    base = problem.steps.floor()
    fraction = problem.steps - base
    free = torch.minimum(fraction, 1.0 - fraction) > _SETTLED
    choice = torch.logit((fraction - _LOW) / (_HIGH - _LOW))
    offset = (problem.targets - problem.products(nearest, problem.inputs)).mean(dim=1, keepdim=True)
    usual = float(_square_error(problem, nearest, offset))
    adam = torch.optim.Adam(
        [
            {"params": [choice], "lr": _LEARNING_RATE},
            {"params": [offset], "lr": _OFFSET_RATE * float(problem.targets.std())},
        ]
    )
    weight = _REGULARIZATION / max(1, int(free.sum()))
    for step in range(iterations):
        part = _batch(problem, step)
        sigmoid = torch.sigmoid(choice)
        up = sigmoid.mul(_HIGH - _LOW).add_(_LOW).clamp_(0.0, 1.0)
        levels = torch.where(free, base + up, nearest).requires_grad_()
        offset.requires_grad_()
        with torch.enable_grad():
            error = _square_error(part, levels, offset) / usual
            slope, offset.grad = torch.autograd.grad(error, (levels, offset))
        offset.requires_grad_(False)
        done = (step / iterations - _WARM_UP) / (1.0 - _WARM_UP)
        if done >= 0.0:
            slope = slope + weight * _regularizer_slope(up, done)
        inside = (up > 0.0) & (up < 1.0) & free
        choice.grad = torch.where(inside, slope * sigmoid * (1.0 - sigmoid), 0.0) * (_HIGH - _LOW)
        adam.step()
    return torch.where(free, base + (choice > 0.0), nearest)


def _batch(problem: RoundingProblem, step: int) -> RoundingProblem:
    """Return some of the samples, others at each step; their order is already random."""
    groups, count, columns = problem.inputs.shape
    size = min(count, _BATCH, max(_SMALLEST_BATCH, _BATCH_VALUES // (groups * columns)))
    start = (step * size) % (count - size + 1)
    inputs, targets = (part[:, start : start + size] for part in (problem.inputs, problem.targets))
    return replace(problem, inputs=inputs, targets=targets)


def _square_error(problem: RoundingProblem, levels: Tensor, offset: Tensor) -> Tensor:
    outputs = problem.activate(problem.products(levels, problem.inputs) + offset)
    return (outputs - problem.activate(problem.targets)).square().mean()


def _regularizer_slope(up: Tensor, done: float) -> Tensor:
    """Return the derivative of ``1 - |2 h - 1| ** beta``, with beta annealed along a cosine."""
    beta = _BETA[1] + 0.5 * (_BETA[0] - _BETA[1]) * (1.0 + math.cos(math.pi * done))
    decided = up.mul(2.0).sub_(1.0)
    # The slope of such undecided weights is zero in float32, and tiny numbers are slow to compute with.
    return decided.abs().clamp_min_(0.05).pow_(beta - 1.0).mul_(decided.sign()).mul_(-2.0 * beta)
