"""Folding of batch norms into the weights before them, in place; structure and spec stay unchanged.

Algorithms that choose weights need those that a file will hold, which are the folded ones. The batch norms
themselves cannot be removed (timm's include their activation), so each becomes an identity that is exact in
float32: gamma 1, mean 0, and a variance that gives exactly 1 when eps is added. The exporters then fold a
factor of 1.0, and the file holds the weights that were written here, bit for bit. A layer's bias is its batch
norm's beta.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from edgecnn.quantization.graph import BatchNorm, FusedLayer, Graph


def fold_batch_norm(module: nn.Module, graph: Graph) -> tuple[str, ...]:
    """Fold every batch norm that belongs to a single layer, in place, computed in float64.

    Args:
        module: The network; its outputs change only by rounding. A second call changes nothing.
        graph: Its trace.

    Returns:
        Names of the layers whose batch norm was folded.

    Raises:
        InputError: A batch norm's statistics make its factor infinite.
    """
    state = tensors(module)
    folded = []
    for layer in graph.layers:
        if layer.batch_norm is not None:
            _fold(state, layer, layer.batch_norm)
            folded.append(layer.name)
    return tuple(folded)


def unit_variance(eps: float) -> float:
    """Return the float32 variance whose sum with ``eps`` is exactly 1.

    >>> all(np.float32(unit_variance(eps)) + np.float32(eps) == 1 for eps in (1e-5, 1e-3, 1e-2, 0.0))
    True
    """
    one, added = np.float32(1), np.float32(eps)
    variance = one - added
    for candidate in (variance, np.nextafter(variance, one), np.nextafter(variance, np.float32(0))):
        if candidate + added == one:
            return float(candidate)
    raise InputError(f"no variance makes a batch norm of eps {eps} an identity")


def read_bias(state: Mapping[str, Tensor], layer: FusedLayer) -> Tensor | None:
    """Return a folded layer's bias, float32 ``[O]``, or None if it cannot have one.

    Args:
        state: The network's :func:`tensors`.
        layer: The layer.
    """
    norm = layer.batch_norm
    if norm is None:
        return None if layer.bias is None else state[layer.bias].clone()
    shift = 0.0 if norm.shift is None else state[norm.shift]
    return shift - state[norm.mean]


def write_bias(state: Mapping[str, Tensor], layer: FusedLayer, bias: Tensor) -> None:
    """Set a folded layer's bias, float32 ``[O]``, in place.

    Args:
        state: The network's :func:`tensors`.
        layer: The layer.
        bias: Its new bias.

    Raises:
        InputError: The layer cannot have a bias.
    """
    norm = layer.batch_norm
    if norm is not None:
        _write_shift(state, norm, bias)
    elif layer.bias is not None:
        state[layer.bias].copy_(bias)
    else:
        raise InputError(f"layer {layer.name} cannot have a bias")


def tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return every parameter and buffer by its qualified name, sharing the module's memory."""
    held = (*module.named_parameters(), *module.named_buffers())
    return {key: value.detach() for key, value in held}


def _fold(state: Mapping[str, Tensor], layer: FusedLayer, norm: BatchNorm) -> None:
    weight = state[layer.weight]
    factor = 1.0 / torch.sqrt(state[norm.variance].double() + norm.eps)
    if norm.scale is not None:
        factor = factor * state[norm.scale].double()
    if not bool(torch.isfinite(factor).all()):
        raise InputError(f"the batch norm of layer {layer.name} has a variance of zero or less")
    shift = -state[norm.mean].double() * factor
    if norm.shift is not None:
        shift = shift + state[norm.shift].double()
    if layer.bias is not None:
        shift = shift + state[layer.bias].double() * factor
        state[layer.bias].zero_()
    weight.copy_(weight.double() * factor.reshape(-1, *(1,) * (weight.ndim - 1)))
    state[norm.variance].fill_(unit_variance(norm.eps))
    if norm.scale is not None:
        state[norm.scale].fill_(1.0)
    _write_shift(state, norm, shift)


def _write_shift(state: Mapping[str, Tensor], norm: BatchNorm, bias: Tensor) -> None:
    """Put a bias into beta, or if a batch norm has none, into its mean with the opposite sign."""
    state[norm.mean].copy_(torch.zeros_like(bias) if norm.shift is not None else -bias)
    if norm.shift is not None:
        state[norm.shift].copy_(bias)
