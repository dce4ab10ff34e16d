"""The table of operations: one small network each, and what a format refuses or leaves in float today.

A new operation is one row. Where a row claims a refusal, or an operation in float, that is no longer true,
its test fails, so the table always says what is so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS, SIZE, CLASSES = 8, 12, 6


@dataclass(frozen=True)
class Operation:
    """One row of the table.

    Attributes:
        make: Makes the operation: a module or a function of ``[N, 8, 12, 12]``.
        refused: The message with which a format refuses it today, by ``(format, precision)``. A comment says
            why.
        in_float: Formats whose int8 file computes the operation, or a part of it, in float today.
    """

    make: Callable[[], Callable[[Tensor], Tensor]]
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    in_float: frozenset[str] = frozenset()


class _Excite(nn.Module):
    """Squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(CHANNELS, 4, 1), nn.Conv2d(4, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        gates = functional.adaptive_avg_pool2d(x, 1)
        return x * functional.hardsigmoid(self.excite(functional.relu(self.squeeze(gates))))


class _Branches(nn.Module):
    """Two layers, joined by a function."""

    def __init__(self, join: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(CHANNELS, 8, 1), nn.Conv2d(CHANNELS, 8, 1)
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self.one(x), self.other(x))


class _Linear(nn.Module):
    """A fully connected layer over the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(CHANNELS, 16)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.layer(x.mean((2, 3))))[:, :, None, None]


def _conv(out: int = 8, kernel: int = 3, **arguments: int) -> Callable[[], nn.Module]:
    return lambda: nn.Conv2d(CHANNELS, out, kernel, **{"padding": kernel // 2, **arguments})


def _function(function: Callable[[Tensor], Tensor], *in_float: str) -> Operation:
    return Operation(lambda: function, in_float=frozenset(in_float))


OPERATIONS: dict[str, Operation] = {
    "conv": Operation(_conv()),
    "conv, stride 2": Operation(_conv(stride=2)),
    "conv, dilated": Operation(_conv(dilation=2, padding=2)),
    "conv, odd channels": Operation(_conv(out=7)),
    "pointwise": Operation(_conv(kernel=1)),
    "depthwise": Operation(_conv(groups=CHANNELS)),
    "grouped": Operation(_conv(groups=2)),
    "linear": Operation(_Linear),
    "batch norm": Operation(lambda: nn.Sequential(_conv()(), nn.BatchNorm2d(8))),
    "batch norm and relu": Operation(lambda: nn.Sequential(_conv()(), nn.BatchNorm2d(8), nn.ReLU())),
    "add": Operation(lambda: _Branches(torch.add)),
    "subtract": Operation(lambda: _Branches(torch.sub), in_float=frozenset({"onnx"})),
    "multiply": Operation(lambda: _Branches(torch.mul), in_float=frozenset({"openvino"})),
    "concatenation": Operation(lambda: _Branches(lambda one, other: torch.cat([one, other], dim=1))),
    "relu": _function(functional.relu),
    "relu6": _function(functional.relu6),
    "leaky relu": _function(functional.leaky_relu, "tflite"),
    "hardswish": _function(functional.hardswish, "onnx"),
    "hardsigmoid": _function(functional.hardsigmoid, "onnx"),
    "silu": _function(functional.silu),
    "sigmoid": _function(torch.sigmoid),
    "tanh": _function(torch.tanh, "onnx"),
    "gelu": _function(functional.gelu, "onnx"),
    "average pool": _function(lambda x: functional.avg_pool2d(x, 2)),
    "max pool": _function(lambda x: functional.max_pool2d(x, 2)),
    "max pool, padded": Operation(
        lambda: nn.MaxPool2d(3, 2, 1),
        # The converter writes the padding as an operation of its own, whose result holds minus infinity.
        refused={("tflite", "int8"): "tensor padv2_0 holds values that are not finite"},
    ),
    "adaptive pool to one": _function(lambda x: functional.adaptive_avg_pool2d(x, 1)),
    "mean over space": _function(lambda x: x.mean((2, 3), keepdim=True)),
    "upsample nearest": _function(lambda x: functional.interpolate(x, scale_factor=2.0, mode="nearest")),
    "upsample bilinear": _function(
        lambda x: functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False),
        "onnx",
        "openvino",
    ),
    "pad": _function(lambda x: functional.pad(x, (0, 1, 0, 1))),
    "pixel shuffle": _function(lambda x: functional.pixel_shuffle(x, 2)),
    "pixel unshuffle": _function(lambda x: functional.pixel_unshuffle(x, 2)),
    "split": _function(lambda x: torch.cat([part * 0.5 for part in x.chunk(2, dim=1)], dim=1)),
    "channel shuffle": _function(lambda x: x.reshape(-1, 2, 4, SIZE, SIZE).transpose(1, 2).flatten(1, 2)),
    "squeeze and excite": Operation(_Excite, in_float=frozenset({"onnx", "openvino"})),
}


class Network(nn.Module):
    """A layer, an operation, and a layer that sees every place of what the operation gives."""

    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.stem, self.operation = nn.Conv2d(3, CHANNELS, 3, padding=1), operation
        shape = operation(torch.zeros(1, CHANNELS, SIZE, SIZE)).shape
        self.head = nn.Conv2d(shape[1], CLASSES, (shape[2], shape[3]))

    def forward(self, images: Tensor) -> Tensor:
        """Return ``[N, 6]``."""
        return self.head(self.operation(self.stem(images))).flatten(1)


def build(operation: str) -> nn.Module:
    """Build the network of one row; every call gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(len(operation))
        network = Network(OPERATIONS[operation].make())
    with torch.no_grad():
        for name, value in network.named_buffers():
            if name.endswith("running_mean"):
                value.uniform_(-0.5, 0.5, generator=torch.Generator().manual_seed(0))
            elif name.endswith("running_var"):
                value.uniform_(0.5, 2.0, generator=torch.Generator().manual_seed(1))
    return network.eval()
