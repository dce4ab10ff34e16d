"""The int8 grid that weights are trained on.

``symmetric`` is what every native quantizer finds by itself: the largest magnitude of a channel at 127.
``pair-safe`` cannot saturate the pairwise multiply-add of x86 without VNNI
(:mod:`edgecnn.quantization.saturation`), in whichever order a runtime accumulates; it is what one file for
all machines needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

if TYPE_CHECKING:
    from edgecnn.quantization.graph import Kind

Scheme = Literal["symmetric", "pair-safe"]

MAX_WEIGHT = 127
_SAFE_SUM = 127
"""A pair is safe up to a sum of 128, and rounding moves a sum by one at most."""

_SMALLEST_SCALE = 1e-12


@torch.no_grad()
def weight_scales(weight: Tensor, kind: Kind, scheme: Scheme) -> Tensor:
    """Return one scale an output channel.

    Args:
        weight: float32 ``[O, I / groups, kh, kw]`` or ``[O, I]``.
        kind: What the layer is. Depthwise kernels widen before they add, so nothing of theirs saturates.
        scheme: Which grid.

    Returns:
        float32 ``[O]``.

    >>> weight_scales(torch.tensor([[127.0, 127.0], [127.0, -127.0]]), "linear", "pair-safe").tolist()
    [2.0, 1.0]
    """
    peak = weight.flatten(1).abs().amax(dim=1)
    scales = peak / MAX_WEIGHT
    if scheme == "pair-safe" and kind != "depthwise":
        sums = torch.maximum(_pair_sums(_as_ort_adds(weight)), _pair_sums(_as_openvino_adds(weight)))
        scales = torch.maximum(scales, sums / _SAFE_SUM)
    return scales.clamp_min(_SMALLEST_SCALE)


def on_grid(weight: Tensor, scales: Tensor) -> Tensor:
    """Return the weights rounded to their grid, half to even, as a training's forward pass sees them."""
    zeros = torch.zeros_like(scales, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, -MAX_WEIGHT, MAX_WEIGHT)


def _as_ort_adds(weight: Tensor) -> Tensor:
    """Return ``[O, K]``, K even: ONNX Runtime adds along height, width and channel as one."""
    rows = weight.movedim(1, -1).flatten(1)
    return pad(rows, (0, rows.shape[1] % 2))


def _as_openvino_adds(weight: Tensor) -> Tensor:
    """Return ``[O, K]``, K even: OpenVINO adds along the channels, at each place of the kernel by itself."""
    inner = weight.movedim(1, -1)
    return pad(inner, (0, inner.shape[-1] % 2)).flatten(1)


def _pair_sums(rows: Tensor) -> Tensor:
    """Return the largest magnitude that a same-signed pair adds up to in each row, float32 ``[O]``."""
    pairs = rows.reshape(len(rows), -1, 2)
    upward = pairs.clamp_min(0).sum(dim=2).amax(dim=1)
    downward = pairs.clamp_max(0).sum(dim=2).amin(dim=1)
    return torch.maximum(upward, -downward)
