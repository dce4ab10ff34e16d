"""The arithmetic of the layers, in float32 or with int8 weights and inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from toy_backend.file import Layer, Network

    Watch = Callable[[Layer, "Values"], None]

Values = npt.NDArray[np.float32]
Numbers = npt.NDArray[Any]
LIMIT = 127
"""Largest int8 value that is used: the grids are symmetric."""


def run(
    network: Network,
    image: Values,
    *,
    integer: bool = True,
    watch: Watch | None = None,
) -> Values:
    """Run a network on one image.

    Args:
        network: The network.
        image: float32 ``[1, C, H, W]``.
        integer: Whether quantized layers compute with integers; else they compute the same in float.
        watch: Called with every layer and its input.

    Returns:
        float32 ``[1, classes]``.
    """
    values = image
    for layer in network.layers:
        if watch is not None:
            watch(layer, values)
        values = _compute(layer, network, values, integer=integer)
    return values


def _compute(layer: Layer, network: Network, values: Values, *, integer: bool) -> Values:
    match layer.kind:
        case "relu":
            return np.maximum(values, 0)
        case "flatten":
            return values.reshape(1, -1)
        case "mean":
            return np.asarray(values.mean((2, 3), keepdims=True), np.float32)
        case "max_pool":
            return np.asarray(_windows(values, layer.size, layer.stride).max((-2, -1)), np.float32)
        case "conv" | "linear":
            return _weighted(layer, network, values, integer=integer)
    raise InputError(f"layer {layer.name} is a {layer.kind!r}, which this version does not know")


def _weighted(layer: Layer, network: Network, values: Values, *, integer: bool) -> Values:
    weight, bias = network.arrays[f"{layer.name}.weight"], network.arrays[f"{layer.name}.bias"]
    if layer.input_step is None:
        return _sums(layer, values, weight) + _along_channels(bias, values.ndim)
    scale = network.arrays[f"{layer.name}.scale"].astype(np.float32)
    step = np.float32(layer.input_step)
    levels = np.clip(np.rint(values / step), -LIMIT, LIMIT)
    factor = _along_channels(scale * step, values.ndim)
    if integer:
        sums = _sums(layer, levels.astype(np.int32), weight.astype(np.int32)).astype(np.float32) * factor
    else:
        real = weight.astype(np.float32) * scale.reshape(-1, *[1] * (weight.ndim - 1))
        sums = _sums(layer, (levels * step).astype(np.float32), real)
    return (sums + _along_channels(bias, values.ndim)).astype(np.float32)


def _sums(layer: Layer, values: Numbers, weight: Numbers) -> Numbers:
    if layer.kind == "linear":
        return np.asarray(np.einsum("bi,oi->bo", values, weight))
    pad = (layer.padding, layer.padding)
    windows = _windows(np.pad(values, ((0, 0), (0, 0), pad, pad)), weight.shape[-1], layer.stride)
    return np.asarray(np.einsum("bchwij,ocij->bohw", windows, weight, optimize=True))


def _windows(values: Numbers, size: int, stride: int) -> Numbers:
    """Return the windows of a map, ``[1, C, H, W, size, size]``."""
    windows = np.lib.stride_tricks.sliding_window_view(values, (size, size), axis=(2, 3))
    return windows[:, :, ::stride, ::stride]


def _along_channels(values: Numbers, dimensions: int) -> Numbers:
    return values.reshape(1, -1, *[1] * (dimensions - 2))
