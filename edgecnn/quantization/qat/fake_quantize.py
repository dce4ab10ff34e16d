"""Fake quantization in a training graph: rounding forward, straight-through gradients backward.

torchao's own modules keep scale and zero point as state, which a moving average of the weights must not mix,
and also learn the scales of weights from a moving average. These modules keep only a range, or no state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torchao.quantization.pt2e.fake_quantize import FakeQuantizeBase

from edgecnn.quantization.grids import affine_grid, on_grid, weight_scales
from edgecnn.quantization.ranges import Range

if TYPE_CHECKING:
    from edgecnn.quantization.graph import Kind
    from edgecnn.quantization.kernels import Scheme

LOWEST, HIGHEST = -128, 127


class ActivationFakeQuantize(FakeQuantizeBase):  # type: ignore[misc]
    """One range for a whole tensor, on the asymmetric int8 grid that every runtime uses.

    Args:
        spec: torchao's part of the annotation; the grid is always int8.

    Attributes:
        low: Lower end of the range, float32 ``[]``, at most 0.
        high: Upper end, at least 0.
    """

    low: Tensor
    high: Tensor

    def __init__(self, **spec: Any) -> None:  # noqa: ARG002
        super().__init__()
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))

    @property
    def grid_range(self) -> Range:
        """Return the real values that the grid spans; a quantizer that gets them computes the same grid."""
        scale, zero = (float(value) for value in self.calculate_qparams())
        return Range((LOWEST - zero) * scale, (HIGHEST - zero) * scale)

    def set_range(self, value: Range) -> None:
        """Set the range, widened to hold zero."""
        self.low.fill_(min(value.low, 0.0))
        self.high.fill_(max(value.high, 0.0))

    def calculate_qparams(self) -> tuple[Tensor, Tensor]:
        """Return scale, float32 ``[]``, and zero point, int32 ``[]``."""
        step, zero = affine_grid(self.low, self.high)
        return step, zero.to(torch.int32) + LOWEST

    def forward(self, values: Tensor) -> Tensor:
        """Round to the grid; values outside are clipped and get no gradient."""
        return torch.fake_quantize_per_tensor_affine(values, *self.calculate_qparams(), LOWEST, HIGHEST)


class PerChannelWeightFakeQuantize(FakeQuantizeBase):  # type: ignore[misc]
    """One scale per output channel, computed from the weights each time, so that no state can be outdated.

    Args:
        kind: Kind of the layer.
        scheme: Scheme of the grid.
        spec: torchao's part of the annotation.
    """

    def __init__(self, kind: Kind, scheme: Scheme, **spec: Any) -> None:  # noqa: ARG002
        super().__init__()
        self._kind = kind
        self._scheme = scheme

    def calculate_qparams(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return scales, float32 ``[O]``, and zero points, int32 ``[O]``."""
        scales = self._scales(weight)
        return scales, torch.zeros_like(scales, dtype=torch.int32)

    def forward(self, weight: Tensor) -> Tensor:
        """Round to the grid; the gradient passes, because no weight is outside the grid."""
        rounded: Tensor = _StraightThrough.apply(weight, self._scales(weight))
        return rounded

    def _scales(self, weight: Tensor) -> Tensor:
        return weight_scales(weight.detach(), self._scheme, depthwise=self._kind == "depthwise")


class _StraightThrough(torch.autograd.Function):
    """Rounding of weights with a straight-through gradient (Bengio et al. 2013, arXiv:1308.3432)."""

    @staticmethod
    def forward(_context: Any, weight: Tensor, scales: Tensor) -> Tensor:
        """Return ``[O, ...]`` weights on the grid with one scale per output."""
        return on_grid(weight, scales)

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradients of the weights and of the scales."""
        return gradient, None
