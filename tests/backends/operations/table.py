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
class Refusal:
    """An error with which a format refuses a network.

    Attributes:
        names: How the message names the operation.
        says: A part of the message: the reason.
    """

    names: str
    says: str


@dataclass(frozen=True)
class Operation:
    """One row of the table.

    Attributes:
        make: Makes the operation: a module or a function of ``[N, 8, 12, 12]``.
        refused: The refusals of today, by ``(format, precision)``, each with a comment that says why. What is
            refused in fp32 is not tried in int8.
        in_float: Part of the name of what a format's int8 file computes in float today: the operation, or a
            part of it.
    """

    make: Callable[[], Callable[[Tensor], Tensor]]
    refused: dict[tuple[str, str], Refusal] = field(default_factory=dict)
    in_float: dict[str, str] = field(default_factory=dict)


class _Excite(nn.Module):
    """Squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(CHANNELS, 4, 1), nn.Conv2d(4, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        gates = functional.adaptive_avg_pool2d(x, 1)
        return x * functional.hardsigmoid(self.excite(functional.relu(self.squeeze(gates))))


class _Textbook(nn.Module):
    """Squeeze and excitation with linear layers and an expansion."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(CHANNELS, 4), nn.ReLU(inplace=True), nn.Linear(4, CHANNELS), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        gates = functional.adaptive_avg_pool2d(x, 1).view(x.shape[0], CHANNELS)
        weights: Tensor = self.layers(gates)
        return x * weights.view(x.shape[0], CHANNELS, 1, 1).expand_as(x)


class _LayerScale(nn.Module):
    """ConvNeXt's end of a block: a layer over channels, a scale of each channel, a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(CHANNELS, CHANNELS)
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = self.scale * self.layer(x.permute(0, 2, 3, 1))
        return x + scaled.permute(0, 3, 1, 2)


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


class _Flat(nn.Module):
    """A fully connected layer over channels and places."""

    def __init__(self) -> None:
        super().__init__()
        self.flatten, self.layer = nn.Flatten(), nn.Linear(CHANNELS * SIZE * SIZE, 16)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.layer(self.flatten(x))
        return outputs[:, :, None, None]


def _conv(
    out: int = 8, kernel: int = 3, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> Callable[[], nn.Module]:
    padding = dilation * (kernel // 2)
    return lambda: nn.Conv2d(CHANNELS, out, kernel, stride, padding, dilation, groups)


def _transposed(kernel: int, padding: int = 0, output_padding: int = 0) -> Callable[[], nn.Module]:
    return lambda: nn.ConvTranspose2d(CHANNELS, 8, kernel, 2, padding, output_padding)


def _function(function: Callable[[Tensor], Tensor], **in_float: str) -> Operation:
    return Operation(lambda: function, in_float=in_float)


_TRANSPOSED = {"onnx": "convolution", "openvino": "ConvolutionBackpropData"}

OPERATIONS: dict[str, Operation] = {
    "conv": Operation(_conv()),
    "conv, stride 2": Operation(_conv(stride=2)),
    "conv, dilated": Operation(_conv(dilation=2)),
    "conv, odd channels": Operation(_conv(out=7)),
    "pointwise": Operation(_conv(kernel=1)),
    "depthwise": Operation(_conv(groups=CHANNELS)),
    "grouped": Operation(_conv(groups=2)),
    "transposed conv": Operation(_transposed(2), in_float=_TRANSPOSED),
    "transposed conv, output padded": Operation(
        _transposed(3, padding=1, output_padding=1), in_float=_TRANSPOSED
    ),
    "linear": Operation(_Linear),
    "flatten and linear": Operation(_Flat),
    "batch norm": Operation(lambda: nn.Sequential(_conv()(), nn.BatchNorm2d(8))),
    "batch norm and relu": Operation(lambda: nn.Sequential(_conv()(), nn.BatchNorm2d(8), nn.ReLU())),
    "add": Operation(lambda: _Branches(torch.add)),
    "subtract": Operation(lambda: _Branches(torch.sub), in_float={"onnx": "sub"}),
    "multiply": Operation(lambda: _Branches(torch.mul), in_float={"openvino": "FakeQuantize_4"}),
    "concatenation": Operation(lambda: _Branches(lambda one, other: torch.cat([one, other], dim=1))),
    "relu": _function(functional.relu),
    "relu6": _function(functional.relu6),
    "leaky relu": _function(functional.leaky_relu),
    "leaky relu in place": Operation(lambda: nn.LeakyReLU(0.1, inplace=True)),
    "clamp from below": _function(lambda x: x.clamp(min=0.2), onnx="clamp", openvino="FakeQuantize_1"),
    "l2 normalization": _function(functional.normalize, onnx="linalg_vector_norm", openvino="FakeQuantize"),
    "clamp": _function(lambda x: x.clamp(-0.5, 0.7)),
    "hardtanh": _function(functional.hardtanh),
    "elu": _function(functional.elu, onnx="Elu"),
    "celu": _function(functional.celu, onnx="celu", openvino="FakeQuantize_3"),
    "selu": _function(functional.selu, onnx="n0"),
    "mish": _function(functional.mish, onnx="mish", tflite="exp_0"),
    "softplus": _function(functional.softplus, onnx="n3", openvino="SoftPlus", tflite="exp_0"),
    "prelu": Operation(lambda: nn.PReLU(CHANNELS), in_float={"onnx": "prelu", "openvino": "FakeQuantize_1"}),
    "hardswish": _function(functional.hardswish, onnx="hardswish"),
    "hardsigmoid": _function(functional.hardsigmoid, onnx="hardsigmoid"),
    "silu": _function(functional.silu),
    "sigmoid": _function(torch.sigmoid),
    "tanh": _function(torch.tanh, onnx="tanh"),
    "gelu": _function(functional.gelu, onnx="Erf"),
    "average pool": _function(lambda x: functional.avg_pool2d(x, 2)),
    "max pool": _function(lambda x: functional.max_pool2d(x, 2)),
    "max pool, padded": Operation(lambda: nn.MaxPool2d(3, 2, 1)),
    "max pool, padded, behind relu": Operation(lambda: nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 2, 1))),
    "max pools of two ranges": Operation(
        lambda: nn.Sequential(
            nn.MaxPool2d(3, 2, 1), nn.Conv2d(CHANNELS, 8, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
    ),
    "max pools in a row": Operation(lambda: nn.Sequential(nn.MaxPool2d(5, 1, 2), nn.MaxPool2d(5, 1, 2))),
    "max pool, adaptive": Operation(
        lambda: nn.AdaptiveMaxPool2d(3), in_float={"openvino": "AdaptiveMaxPool"}
    ),
    "max pool, adaptive to one": Operation(lambda: nn.AdaptiveMaxPool2d(1), in_float={"onnx": "n0"}),
    "largest of a map": _function(lambda x: torch.amax(x, (2, 3), keepdim=True), onnx="n0"),
    "adaptive pool to one": _function(lambda x: functional.adaptive_avg_pool2d(x, 1)),
    "mean over space": _function(lambda x: x.mean((2, 3), keepdim=True)),
    "mean over rows": _function(lambda x: x.flatten(2).mean(-1)[:, :, None, None], onnx="mean"),
    "adaptive pool that does not divide": Operation(
        lambda: nn.AdaptiveAvgPool2d(5),
        # The converter writes it as a gather of six dimensions, for which the quantizer has no scales.
        refused={("tflite", "int8"): Refusal("", "Ranks of scales")},
        in_float={"onnx": "GatherND", "openvino": "AdaptiveAvgPool"},
    ),
    "average pool, ceil mode": _function(
        lambda x: functional.avg_pool2d(x, 5, 2, ceil_mode=True), openvino="AvgPool"
    ),
    "max pool, ceil mode": _function(
        lambda x: functional.max_pool2d(x, 3, 2, ceil_mode=True), openvino="MaxPool"
    ),
    "upsample nearest": _function(lambda x: functional.interpolate(x, scale_factor=2.0, mode="nearest")),
    "upsample bilinear": _function(
        lambda x: functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False),
        onnx="upsample_bilinear2d",
        openvino="Interpolate",
    ),
    "pad": _function(lambda x: functional.pad(x, (0, 1, 0, 1))),
    "pixel shuffle": _function(lambda x: functional.pixel_shuffle(x, 2)),
    "pixel unshuffle": _function(lambda x: functional.pixel_unshuffle(x, 2)),
    "split": _function(lambda x: torch.cat([part * 0.5 for part in x.chunk(2, dim=1)], dim=1)),
    "channel shuffle": _function(lambda x: x.reshape(-1, 2, 4, SIZE, SIZE).transpose(1, 2).flatten(1, 2)),
    "squeeze and excite, textbook": Operation(_Textbook),
    "layer scale": Operation(_LayerScale, in_float={"openvino": "Add"}),
    "group norm": Operation(
        lambda: nn.GroupNorm(2, CHANNELS), in_float={"onnx": "InstanceNormalization", "openvino": "MVN"}
    ),
    "instance norm": Operation(
        lambda: nn.InstanceNorm2d(CHANNELS), in_float={"onnx": "instance_norm", "openvino": "Maximum"}
    ),
    "transposed conv, dilated": Operation(
        lambda: nn.ConvTranspose2d(CHANNELS, 8, 3, 2, 1, dilation=2),
        # The converter's lowering has transposed convolutions without dilation only.
        refused={("tflite", "fp32"): Refusal("mhlo.convolution", "failed to legalize operation")},
        in_float=_TRANSPOSED,
    ),
    "transposed conv, grouped": Operation(
        lambda: nn.ConvTranspose2d(CHANNELS, 8, 2, 2, groups=2),
        in_float={"onnx": "convolution", "openvino": "GroupConvolutionBackpropData"},
    ),
    "squeeze and excite": Operation(_Excite, in_float={"onnx": "hardsigmoid", "openvino": "Multiply"}),
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
        outputs: Tensor = self.head(self.operation(self.stem(images)))
        return outputs.flatten(1)


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
