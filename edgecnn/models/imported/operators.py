"""ONNX operators as torch operations; a new operator is one function and one line of the table.

Each maker takes a node, whose constant inputs are given as attributes, and returns a module with the node's
weights as parameters. Layouts are those of ONNX: maps are ``[N, C, H, W]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.models.imported.graph import ImportedNode


@dataclass(frozen=True)
class Operator:
    """The way to read and build an operator.

    Attributes:
        make: Returns the module of a node.
        weights: Names of the constant inputs that are weights, by position; None at the position of a tensor.
        values: Names of the constant inputs that configure the operation, by position.
    """

    make: Callable[[ImportedNode], nn.Module]
    weights: tuple[str | None, ...] = ()
    values: tuple[str | None, ...] = ()


class Function(nn.Module):
    """An operation without weights."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self._function = function

    def forward(self, *tensors: Tensor) -> Any:
        """Compute the operation."""
        return self._function(*tensors)


class Constant(nn.Module):
    """A tensor that a network adds or multiplies with."""

    value: Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(tuple(shape)))

    def forward(self) -> Tensor:
        """Return the tensor."""
        return self.value


class PaddedConv2d(nn.Conv2d):
    """A convolution with different padding on each side.

    Args:
        pads: Pixels at the left, right, top and bottom.
        settings: Settings of the convolution, whose own padding is 0.
    """

    def __init__(self, pads: tuple[int, int, int, int], **settings: Any) -> None:
        super().__init__(**settings)
        self._pads = pads

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Pad with zeros and convolve."""
        return super().forward(functional.pad(input, self._pads))


def _convolution(node: ImportedNode) -> nn.Module:
    outputs, inputs, *kernel = node.weights["weight"]
    if len(kernel) != 2:
        raise unsupported(node, f"its kernel has {len(kernel)} dimensions")
    groups = int(cast("int", node.attributes.get("group", 1)))
    settings: dict[str, Any] = {
        "in_channels": inputs * groups,
        "out_channels": outputs,
        "kernel_size": tuple(kernel),
        "stride": _pair(node, "strides"),
        "dilation": _pair(node, "dilations"),
        "groups": groups,
        "bias": "bias" in node.weights,
    }
    top, left, bottom, right = _pads(node)
    if (top, left) == (bottom, right):
        return nn.Conv2d(**settings, padding=(top, left))
    return PaddedConv2d((left, right, top, bottom), **settings)


def _batch_norm(node: ImportedNode) -> nn.Module:
    return nn.BatchNorm2d(node.weights["weight"][0], eps=_number(node, "epsilon", 1e-5))


def _linear(node: ImportedNode) -> nn.Module:
    if (_number(node, "alpha", 1.0), _number(node, "beta", 1.0), _number(node, "transA", 0)) != (1, 1, 0):
        raise unsupported(node, "alpha, beta or transA is set")
    outputs, inputs = node.weights["weight"]
    return nn.Linear(inputs, outputs, bias="bias" in node.weights)


def _max_pool(node: ImportedNode) -> nn.Module:
    top, left, bottom, right = _pads(node)
    if (top, left) != (bottom, right):
        raise unsupported(node, "its padding differs from side to side")
    return nn.MaxPool2d(
        _pair(node, "kernel_shape"),
        _pair(node, "strides"),
        (top, left),
        _pair(node, "dilations"),
        ceil_mode=bool(node.attributes.get("ceil_mode", 0)),
    )


def _average_pool(node: ImportedNode) -> nn.Module:
    top, left, bottom, right = _pads(node)
    if (top, left) != (bottom, right):
        raise unsupported(node, "its padding differs from side to side")
    return nn.AvgPool2d(
        _pair(node, "kernel_shape"),
        _pair(node, "strides"),
        (top, left),
        ceil_mode=bool(node.attributes.get("ceil_mode", 0)),
        count_include_pad=bool(node.attributes.get("count_include_pad", 0)),
    )


def _resize(node: ImportedNode) -> nn.Module:
    """Enlarge by whole factors, by repetition or bilinearly; other modes differ between runtimes."""
    mode = node.attributes.get("mode", "nearest")
    centres = node.attributes.get("coordinate_transformation_mode", "half_pixel")
    scales = _numbers(node, "scales")
    if len(scales) != 4 or scales[:2] != [1.0, 1.0]:
        raise unsupported(node, f"its scales are {scales}, not constant ones of height and width")
    factors = (scales[2], scales[3])
    if mode == "nearest" and all(factor >= 1 and factor == int(factor) for factor in factors):
        return nn.Upsample(scale_factor=factors, mode="nearest")
    if mode == "linear" and centres in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        return nn.Upsample(scale_factor=factors, mode="bilinear", align_corners=centres == "align_corners")
    raise unsupported(node, f"mode {mode}, {centres}, factors {factors}")


def _reduce_mean(node: ImportedNode) -> nn.Module:
    axes = [int(axis) for axis in _numbers(node, "axes")]
    keep = bool(node.attributes.get("keepdims", 1))
    if not axes:
        raise unsupported(node, "it names no axes")
    return Function(lambda value: value.mean(axes, keepdim=keep))


def _slice(node: ImportedNode) -> nn.Module:
    starts, ends = _integers(node, "starts"), _integers(node, "ends")
    axes = _integers(node, "axes") or list(range(len(starts)))
    steps = _integers(node, "steps") or [1] * len(starts)
    if any(step < 1 for step in steps) or not len(starts) == len(ends) == len(axes) == len(steps):
        raise unsupported(node, f"steps {steps}")

    def cut(value: Tensor) -> Tensor:
        places = [slice(None)] * value.ndim
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            places[axis] = slice(start, end, step)
        return value[tuple(places)]

    return Function(cut)


def _split(node: ImportedNode) -> nn.Module:
    axis, sizes = int(_number(node, "axis", 0)), _integers(node, "split")
    count = len(node.outputs)
    if sizes:
        return Function(lambda value: torch.split(value, sizes, dim=axis))
    return Function(lambda value: torch.split(value, -(-value.shape[axis] // count), dim=axis))


def _pad(node: ImportedNode) -> nn.Module:
    pads = _integers(node, "pads")
    mode = node.attributes.get("mode", "constant")
    if mode != "constant" or len(pads) % 2:
        raise unsupported(node, f"mode {mode}")
    half = len(pads) // 2
    # torch starts at the last axis and gives both ends of an axis together.
    both = [pads[axis + half * end] for axis in reversed(range(half)) for end in range(2)]
    filling = _number(node, "constant_value", 0.0)
    return Function(lambda value: functional.pad(value, both, value=filling))


def _clip(node: ImportedNode) -> nn.Module:
    low, high = _number(node, "min", float("-inf")), _number(node, "max", float("inf"))
    if (low, high) == (0.0, 6.0):
        return nn.ReLU6()
    return Function(lambda value: value.clamp(low, high))


def _hard_sigmoid(node: ImportedNode) -> nn.Module:
    alpha, beta = _number(node, "alpha", 0.2), _number(node, "beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return nn.Hardsigmoid()
    return Function(lambda value: (alpha * value + beta).clamp(0.0, 1.0))


def _reshape(node: ImportedNode) -> nn.Module:
    sizes = _integers(node, "shape")
    if not sizes:
        raise unsupported(node, "its shape is not constant")
    return Function(
        lambda value: value.reshape(
            [value.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
        )
    )


def _squeeze(node: ImportedNode) -> nn.Module:
    axes = _integers(node, "axes")
    return Function(lambda value: value.squeeze(axes) if axes else value.squeeze())


def _unsqueeze(node: ImportedNode) -> nn.Module:
    axes = sorted(_integers(node, "axes"))

    def widen(value: Tensor) -> Tensor:
        for axis in axes:
            value = value.unsqueeze(axis)
        return value

    return Function(widen)


def _transpose(node: ImportedNode) -> nn.Module:
    order = _integers(node, "perm")
    return Function(lambda value: value.permute(order or list(reversed(range(value.ndim)))))


def _with_axis(
    function: Callable[[Tensor, int], Tensor], default: int
) -> Callable[[ImportedNode], nn.Module]:
    def make(node: ImportedNode) -> nn.Module:
        axis = int(_number(node, "axis", default))
        return Function(lambda value: function(value, axis))

    return make


def _concat(node: ImportedNode) -> nn.Module:
    axis = int(_number(node, "axis", 1))
    return Function(lambda *parts: torch.cat(parts, dim=axis))


def _simple(function: Callable[..., Tensor]) -> Callable[[ImportedNode], nn.Module]:
    return lambda _: Function(function)


_AXES = (None, "axes")

OPERATORS: dict[str, Operator] = {
    "Add": Operator(_simple(torch.add)),
    "AveragePool": Operator(_average_pool),
    "BatchNormalization": Operator(
        _batch_norm, weights=(None, "weight", "bias", "running_mean", "running_var")
    ),
    "Clip": Operator(_clip, values=(None, "min", "max")),
    "Concat": Operator(_concat),
    "Constant": Operator(lambda node: Constant(node.weights["value"])),
    "Conv": Operator(_convolution, weights=(None, "weight", "bias")),
    "Div": Operator(_simple(torch.div)),
    "Dropout": Operator(_simple(lambda value: value)),
    "Elu": Operator(lambda node: nn.ELU(_number(node, "alpha", 1.0))),
    "Exp": Operator(_simple(torch.exp)),
    "Flatten": Operator(_with_axis(lambda value, axis: value.flatten(axis), 1)),
    "Gemm": Operator(_linear, weights=(None, "weight", "bias")),
    "GlobalAveragePool": Operator(_simple(lambda value: value.mean((2, 3), keepdim=True))),
    "HardSigmoid": Operator(_hard_sigmoid),
    "HardSwish": Operator(lambda _: nn.Hardswish()),
    "Identity": Operator(_simple(lambda value: value)),
    "LeakyRelu": Operator(lambda node: nn.LeakyReLU(_number(node, "alpha", 0.01))),
    "MatMul": Operator(_linear, weights=(None, "weight")),
    "MaxPool": Operator(_max_pool),
    "Mul": Operator(_simple(torch.mul)),
    "Pad": Operator(_pad, values=(None, "pads", "constant_value")),
    "ReduceMean": Operator(_reduce_mean, values=_AXES),
    "Relu": Operator(lambda _: nn.ReLU()),
    "Reshape": Operator(_reshape, values=(None, "shape")),
    "Resize": Operator(_resize, values=(None, "roi", "scales", "sizes")),
    "Sigmoid": Operator(lambda _: nn.Sigmoid()),
    "Silu": Operator(lambda _: nn.SiLU()),
    "Slice": Operator(_slice, values=(None, "starts", "ends", "axes", "steps")),
    "Softmax": Operator(_with_axis(lambda value, axis: value.softmax(axis), -1)),
    "Split": Operator(_split, values=(None, "split")),
    "Squeeze": Operator(_squeeze, values=_AXES),
    "Sub": Operator(_simple(torch.sub)),
    "Tanh": Operator(lambda _: nn.Tanh()),
    "Transpose": Operator(_transpose),
    "Unsqueeze": Operator(_unsqueeze, values=_AXES),
}
"""ONNX's operators, and ``Silu``, which the reader recognizes."""


def operator_of(node: ImportedNode) -> Operator:
    """Return the operator of a node.

    Raises:
        InputError: The operator is unknown.
    """
    try:
        return OPERATORS[node.operator]
    except KeyError:
        raise InputError(
            f"operation {node.name} is {node.operator}, which the import of ONNX files does not know",
            hint="cut the network before it with --outputs, or export it with other operations",
        ) from None


def unsupported(node: ImportedNode, reason: str) -> InputError:
    """Return the error for a node that cannot be imported."""
    return InputError(f"{node.operator} {node.name} cannot be imported: {reason}")


def _numbers(node: ImportedNode, name: str) -> list[float]:
    value = node.attributes.get(name, [])
    if isinstance(value, str | bool):
        raise unsupported(node, f"{name} is {value!r}")
    return [float(item) for item in (value if isinstance(value, list) else [value])]


def _integers(node: ImportedNode, name: str) -> list[int]:
    return [int(item) for item in _numbers(node, name)]


def _number(node: ImportedNode, name: str, default: float) -> float:
    numbers = _numbers(node, name)
    return numbers[0] if numbers else float(default)


def _pair(node: ImportedNode, name: str) -> tuple[int, int]:
    sizes = _integers(node, name) or [1, 1]
    if len(sizes) != 2 or min(sizes) < 1:
        raise unsupported(node, f"{name} is {sizes}")
    return sizes[0], sizes[1]


def _pads(node: ImportedNode) -> tuple[int, int, int, int]:
    """Return padding at the top, left, bottom and right."""
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise unsupported(node, f"auto_pad is {node.attributes['auto_pad']}")
    pads = _integers(node, "pads") or [0, 0, 0, 0]
    if len(pads) != 4 or min(pads) < 0:
        raise unsupported(node, f"pads are {pads}")
    return pads[0], pads[1], pads[2], pads[3]
