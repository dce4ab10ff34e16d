"""ONNX operators as torch operations; a new operator is one function and one line of the table.

Each maker takes a node, whose constant inputs are given as attributes, and returns a module with the node's
weights as parameters. Layouts are those of ONNX: maps are ``[N, C, H, W]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from edgecnn.models.imported import layout
from edgecnn.models.imported.layers import Constant, Function, batch_norm, convolution, linear
from edgecnn.models.imported.pools import average_pool, max_pool
from edgecnn.models.imported.resize import resize
from edgecnn.models.imported.settings import number, unknown_operator

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.models.imported.graph import ImportedNode


@dataclass(frozen=True)
class Operator:
    """The way to read and build an operator.

    Attributes:
        make: Returns the module of a node.
        weights: Names of the constant inputs that are weights, by position; None at the position of a tensor.
        values: Names of the constant inputs that configure the operation, by position.
        settings: Names of the attributes that are known, in any opset; a node with others is refused.
        results: Number of outputs that are computed; None if it is any.
    """

    make: Callable[[ImportedNode], nn.Module]
    weights: tuple[str | None, ...] = ()
    values: tuple[str | None, ...] = ()
    settings: tuple[str, ...] = ()
    results: int | None = 1


def _clip(node: ImportedNode) -> nn.Module:
    low, high = number(node, "min", float("-inf")), number(node, "max", float("inf"))
    if (low, high) == (0.0, 6.0):
        return nn.ReLU6()
    return Function(lambda value: value.clamp(low, high))


def _hard_sigmoid(node: ImportedNode) -> nn.Module:
    alpha, beta = number(node, "alpha", 0.2), number(node, "beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return nn.Hardsigmoid()
    return Function(lambda value: (alpha * value + beta).clamp(0.0, 1.0))


def _mean(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    return value.mean(axes, keepdim=keep)


def _simple(function: Callable[..., Tensor]) -> Callable[[ImportedNode], nn.Module]:
    return lambda _: Function(function)


_AXES = (None, "axes")
_REDUCTION = ("axes", "keepdims", "noop_with_empty_axes")
_CONVOLUTION = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
_POOL = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides")
_RESIZE = (
    "antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside",
    "extrapolation_value", "keep_aspect_ratio_policy", "mode", "nearest_mode",
)  # fmt: skip

OPERATORS: dict[str, Operator] = {
    "Add": Operator(_simple(torch.add)),
    "AveragePool": Operator(average_pool, settings=(*_POOL, "count_include_pad")),
    "BatchNormalization": Operator(
        batch_norm,
        weights=(None, "weight", "bias", "running_mean", "running_var"),
        settings=("epsilon", "momentum", "spatial", "training_mode"),
    ),
    "Clip": Operator(_clip, values=(None, "min", "max"), settings=("min", "max")),
    "Concat": Operator(layout.concat, settings=("axis",)),
    "Constant": Operator(lambda node: Constant(node.weights["value"])),
    "Conv": Operator(convolution, weights=(None, "weight", "bias"), settings=_CONVOLUTION),
    "Div": Operator(_simple(torch.div)),
    "Dropout": Operator(
        _simple(lambda value: value), values=(None, "ratio", "training_mode"), settings=("ratio", "seed")
    ),
    "Elu": Operator(lambda node: nn.ELU(number(node, "alpha", 1.0)), settings=("alpha",)),
    "Exp": Operator(_simple(torch.exp)),
    "Flatten": Operator(layout.flatten, settings=("axis",)),
    "Gemm": Operator(
        linear, weights=(None, "weight", "bias"), settings=("alpha", "beta", "transA", "transB")
    ),
    "GlobalAveragePool": Operator(_simple(lambda value: value.mean((2, 3), keepdim=True))),
    "HardSigmoid": Operator(_hard_sigmoid, settings=("alpha", "beta")),
    "HardSwish": Operator(lambda _: nn.Hardswish()),
    "Identity": Operator(_simple(lambda value: value)),
    "LeakyRelu": Operator(lambda node: nn.LeakyReLU(number(node, "alpha", 0.01)), settings=("alpha",)),
    "LogSoftmax": Operator(layout.softmax(lambda value, axis: value.log_softmax(axis)), settings=("axis",)),
    "MatMul": Operator(linear, weights=(None, "weight")),
    "MaxPool": Operator(max_pool, settings=(*_POOL, "storage_order")),
    "Mul": Operator(_simple(torch.mul)),
    "Pad": Operator(
        layout.pad, values=(None, "pads", "constant_value", "axes"), settings=("mode", "pads", "value")
    ),
    "ReduceMean": Operator(layout.reduction(_mean), values=_AXES, settings=_REDUCTION),
    "Relu": Operator(lambda _: nn.ReLU()),
    "Reshape": Operator(layout.reshape, values=(None, "shape"), settings=("allowzero",)),
    "Resize": Operator(resize, values=(None, "roi", "scales", "sizes"), settings=_RESIZE),
    "Sigmoid": Operator(lambda _: nn.Sigmoid()),
    "Silu": Operator(lambda _: nn.SiLU()),
    "Slice": Operator(
        layout.cut, values=(None, "starts", "ends", "axes", "steps"), settings=("starts", "ends", "axes")
    ),
    "Softmax": Operator(layout.softmax(lambda value, axis: value.softmax(axis)), settings=("axis",)),
    "Split": Operator(
        layout.split, values=(None, "split"), settings=("axis", "split", "num_outputs"), results=None
    ),
    "Squeeze": Operator(layout.squeeze, values=_AXES, settings=("axes",)),
    "Sub": Operator(_simple(torch.sub)),
    "Tanh": Operator(lambda _: nn.Tanh()),
    "Transpose": Operator(layout.transpose, settings=("perm",)),
    "Unsqueeze": Operator(layout.unsqueeze, values=_AXES, settings=("axes",)),
    "Upsample": Operator(resize, values=(None, "scales"), settings=("mode", "scales")),
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
        raise unknown_operator(node) from None
