"""A fast weight gradient for depthwise convolutions whose output is only a few pixels wide.

Networks made for 224 px have feature maps of one or two pixels when they see 32 px. There oneDNN's weight
gradient of a depthwise convolution falls back to a reference loop, which takes about twenty times as long as
the sum in this module and was more than half of a MobileNetV2's training time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FEW = 2
"""Width in pixels of an output up to which oneDNN has no fast kernel."""


class FastDepthwise(TorchFunctionMode):
    """While entered, depthwise convolutions with small outputs on a CPU use the fast gradient.

    Results equal those of ``torch.conv2d``; gradients differ from torch's by rounding.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call the function that torch is about to call, or its replacement."""
        if func is torch.conv2d and not kwargs and len(args) == 7 and _slow(args[0], args[1], *args[3:]):
            return _Depthwise.apply(*args[:5])
        return func(*args, **(kwargs or {}))


def _slow(
    inputs: torch.Tensor,
    weight: torch.Tensor,
    stride: Sequence[int],
    padding: Sequence[int] | str,
    dilation: Sequence[int],
    groups: int,
) -> bool:
    if not (torch.is_grad_enabled() and weight.requires_grad and inputs.device.type == "cpu"):
        return False
    if isinstance(padding, str) or inputs.dim() != 4 or tuple(dilation) != (1, 1):
        return False
    if not inputs.shape[1] == weight.shape[0] == groups > 1:
        return False
    return 0 < (inputs.shape[3] + 2 * padding[1] - weight.shape[3]) // stride[1] + 1 <= FEW


class _Depthwise(torch.autograd.Function):
    """``torch.conv2d`` with one group per channel; the weight gradient is a sum over shifted inputs."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        stride: Sequence[int],
        padding: Sequence[int],
    ) -> torch.Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.stride, ctx.padding = tuple(stride), tuple(padding)
        return functional.conv2d(inputs, weight, bias, ctx.stride, ctx.padding, (1, 1), weight.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        channels = weight.shape[0]
        to_inputs, _, to_bias = torch.ops.aten.convolution_backward(
            grad,
            inputs,
            weight,
            [channels],
            ctx.stride,
            ctx.padding,
            (1, 1),
            False,  # not transposed
            (0, 0),
            channels,
            (ctx.needs_input_grad[0], False, ctx.needs_input_grad[2]),
        )
        to_weight = _weight_gradient(grad, inputs, weight, ctx.stride, ctx.padding)
        return to_inputs, to_weight, to_bias, None, None


def _weight_gradient(
    grad: torch.Tensor,
    inputs: torch.Tensor,
    weight: torch.Tensor,
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> torch.Tensor:
    """Sum the output's gradient times the input under each tap of the kernel, over images and pixels."""
    padded = functional.pad(inputs, (padding[1], padding[1], padding[0], padding[0]))
    height, width = (stride[axis] * (grad.shape[2 + axis] - 1) + 1 for axis in (0, 1))
    taps = [
        (grad * padded[:, :, y : y + height : stride[0], x : x + width : stride[1]]).sum((0, 2, 3))
        for y in range(weight.shape[2])
        for x in range(weight.shape[3])
    ]
    return torch.stack(taps, dim=1).view_as(weight)
