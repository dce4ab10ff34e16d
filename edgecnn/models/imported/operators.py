"""The table of the ONNX operators that can be imported.

Each maker takes a node, whose constant inputs are given as attributes, and returns a module with the node's
weights as parameters. Layouts are those of ONNX: maps are ``[N, C, H, W]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from edgecnn.models.imported import (
    activations,
    arithmetic,
    layers,
    layout,
    normalization,
    pools,
    rearrangement,
    reductions,
)
from edgecnn.models.imported.arithmetic import of_many, simple
from edgecnn.models.imported.recurrent import recurrent
from edgecnn.models.imported.reductions import place_of, reduction
from edgecnn.models.imported.resize import resize
from edgecnn.models.imported.settings import number, unknown_operator
from edgecnn.models.imported.transposed import transposed_convolution

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.models.imported.graph import ImportedNode

FLOAT = ("float32",)
NUMBERS = ("float32", "int32", "int64")
ANY = (*NUMBERS, "bool")


@dataclass(frozen=True)
class Operator:
    """The way to read and build an operator.

    Attributes:
        make: Returns the module of a node.
        weights: Names of the constant inputs that are weights, by position; None at the position of a tensor.
        values: Names of the constant inputs that configure the operation, by position.
        settings: Names of the attributes that are known, in any opset; a node with others is refused.
        results: Number of outputs that are computed; None if it is any.
        types: Types of the tensors for which torch computes the same as ONNX.
        few: Most numbers of a constant that configures the operation; a larger one, or one that is computed,
            is a tensor that it reads. None if it must be constant.
    """

    make: Callable[[ImportedNode], nn.Module]
    weights: tuple[str | None, ...] = ()
    values: tuple[str | None, ...] = ()
    settings: tuple[str, ...] = ()
    results: int | None = 1
    types: tuple[str, ...] = FLOAT
    few: int | None = None


def _of_values(function: Callable[..., Tensor], types: tuple[str, ...] = FLOAT) -> Operator:
    return Operator(simple(function), types=types)


def _reduction(maker: Callable[[ImportedNode], nn.Module], types: tuple[str, ...] = FLOAT) -> Operator:
    return Operator(maker, values=_AXES, settings=("axes", "keepdims", "noop_with_empty_axes"), types=types)


def _axis_places(function: Callable[..., Tensor]) -> Operator:
    return Operator(place_of(function), settings=("axis", "keepdims", "select_last_index"), types=NUMBERS)


def _softmax(function: Callable[[Tensor, int], Tensor]) -> Operator:
    return Operator(layout.softmax(function), settings=("axis",))


_AXES = (None, "axes")
_SCALE_AND_BIAS = (None, "weight", "bias")
_CONVOLUTION = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
_POOL = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides")
_RESIZE = (
    "antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside",
    "extrapolation_value", "keep_aspect_ratio_policy", "mode", "nearest_mode",
)  # fmt: skip
_STATE = (None, "W", "R", "B")
_RECURRENT = (
    "activations", "clip", "direction", "hidden_size", "input_forget", "layout", "linear_before_reset",
)  # fmt: skip


def _recurrent(*weights: str) -> Operator:
    return Operator(
        recurrent,
        weights=(*_STATE, None, *weights),
        values=(None, None, None, None, "sequence_lens"),
        settings=_RECURRENT,
        results=None,
    )


_LAYERS: dict[str, Operator] = {
    "BatchNormalization": Operator(
        normalization.batch_norm,
        weights=(None, "weight", "bias", "running_mean", "running_var"),
        settings=("epsilon", "momentum", "spatial", "training_mode"),
    ),
    "Constant": Operator(layers.fixed, types=ANY),
    "Conv": Operator(layers.convolution, weights=_SCALE_AND_BIAS, settings=_CONVOLUTION),
    "ConvTranspose": Operator(
        transposed_convolution,
        weights=_SCALE_AND_BIAS,
        settings=(*_CONVOLUTION, "output_padding", "output_shape"),
    ),
    "GRU": _recurrent("initial_h"),
    "Gemm": Operator(layers.linear, weights=_SCALE_AND_BIAS, settings=("alpha", "beta", "transA", "transB")),
    "GroupNormalization": Operator(
        normalization.group_norm,
        weights=_SCALE_AND_BIAS,
        settings=("epsilon", "num_groups", "stash_type"),
    ),
    "InstanceNormalization": Operator(
        normalization.instance_norm, weights=_SCALE_AND_BIAS, settings=("epsilon",)
    ),
    "LRN": Operator(normalization.local_response, settings=("alpha", "beta", "bias", "size")),
    "LSTM": _recurrent("initial_h", "initial_c", "peepholes"),
    "LayerNormalization": Operator(
        normalization.layer_norm, weights=_SCALE_AND_BIAS, settings=("axis", "epsilon", "stash_type")
    ),
    "LpNormalization": Operator(normalization.unit_length, settings=("axis", "p")),
    "MatMul": Operator(layers.linear, weights=(None, "weight")),
    "MeanVarianceNormalization": Operator(normalization.mean_variance, settings=("axes",)),
    "PRelu": Operator(activations.sloped_relu, weights=(None, "slope")),
    "RMSNormalization": Operator(
        normalization.rms_norm, weights=(None, "weight"), settings=("axis", "epsilon", "stash_type")
    ),
    "RNN": _recurrent("initial_h"),
}

_ACTIVATIONS: dict[str, Operator] = {
    "Celu": Operator(activations.celu, settings=("alpha",)),
    "Clip": Operator(activations.clip, values=(None, "min", "max"), settings=("min", "max")),
    "Dropout": Operator(
        simple(lambda value: value), values=(None, "ratio", "training_mode"), settings=("ratio", "seed")
    ),
    "Elu": Operator(lambda node: nn.ELU(number(node, "alpha", 1.0)), settings=("alpha",)),
    "Gelu": Operator(activations.gelu, settings=("approximate",)),
    "HardSigmoid": Operator(activations.hard_sigmoid, settings=("alpha", "beta")),
    "HardSwish": Operator(lambda _: nn.Hardswish()),
    "Hardmax": _softmax(activations.hardmax),
    "LeakyRelu": Operator(lambda node: nn.LeakyReLU(number(node, "alpha", 0.01)), settings=("alpha",)),
    "LogSoftmax": _softmax(lambda value, axis: value.log_softmax(axis)),
    "Mish": Operator(lambda _: nn.Mish()),
    "Relu": Operator(lambda _: nn.ReLU()),
    "Selu": Operator(activations.selu, settings=("alpha", "gamma")),
    "Shrink": Operator(activations.shrink, settings=("bias", "lambd")),
    "Sigmoid": Operator(lambda _: nn.Sigmoid()),
    "Silu": Operator(lambda _: nn.SiLU()),
    "Softmax": _softmax(lambda value, axis: value.softmax(axis)),
    "Softplus": Operator(lambda _: nn.Softplus()),
    "Softsign": Operator(lambda _: nn.Softsign()),
    "Swish": Operator(activations.swish, settings=("alpha",)),
    "Tanh": Operator(lambda _: nn.Tanh()),
    "ThresholdedRelu": Operator(activations.thresholded_relu, settings=("alpha",)),
}

_VALUES: dict[str, Operator] = {
    "Abs": _of_values(torch.abs, NUMBERS),
    "Acos": _of_values(torch.acos),
    "Acosh": _of_values(torch.acosh),
    "Add": _of_values(torch.add, NUMBERS),
    "And": _of_values(torch.logical_and, ("bool",)),
    "Asin": _of_values(torch.asin),
    "Asinh": _of_values(torch.asinh),
    "Atan": _of_values(torch.atan),
    "Atanh": _of_values(torch.atanh),
    "Cast": Operator(arithmetic.cast, settings=("round_mode", "saturate", "to"), types=ANY),
    "CastLike": Operator(arithmetic.cast_like, settings=("round_mode", "saturate"), types=ANY),
    "Ceil": _of_values(torch.ceil),
    "Cos": _of_values(torch.cos),
    "Cosh": _of_values(torch.cosh),
    "Div": _of_values(torch.div),
    "Equal": _of_values(torch.eq, ANY),
    "Erf": _of_values(torch.erf),
    "Exp": _of_values(torch.exp),
    "Floor": _of_values(torch.floor),
    "Greater": _of_values(torch.gt, ANY),
    "GreaterOrEqual": _of_values(torch.ge, ANY),
    "Identity": _of_values(lambda value: value, ANY),
    "IsInf": Operator(
        arithmetic.infinite, settings=("detect_negative", "detect_positive"), types=("float32", "bool")
    ),
    "IsNaN": _of_values(torch.isnan, ("float32", "bool")),
    "Less": _of_values(torch.lt, ANY),
    "LessOrEqual": _of_values(torch.le, ANY),
    "Log": _of_values(torch.log),
    "Max": Operator(of_many(torch.maximum), types=NUMBERS),
    "Mean": Operator(arithmetic.mean_of_many),
    "Min": Operator(of_many(torch.minimum), types=NUMBERS),
    "Mod": Operator(arithmetic.modulo, settings=("fmod",), types=NUMBERS),
    "Mul": _of_values(torch.mul, NUMBERS),
    "Neg": _of_values(torch.neg, NUMBERS),
    "Not": _of_values(torch.logical_not, ("bool",)),
    "Or": _of_values(torch.logical_or, ("bool",)),
    "Pow": Operator(arithmetic.power, values=(None, "exponent"), few=1),
    "Reciprocal": _of_values(torch.reciprocal),
    "Round": _of_values(torch.round),
    "Sign": _of_values(torch.sign, NUMBERS),
    "Sin": _of_values(torch.sin),
    "Sinh": _of_values(torch.sinh),
    "Sqrt": _of_values(torch.sqrt),
    "Sub": _of_values(torch.sub, NUMBERS),
    "Sum": Operator(of_many(torch.add)),
    "Tan": _of_values(torch.tan),
    "Where": _of_values(torch.where, ANY),
    "Xor": _of_values(torch.logical_xor, ("bool",)),
}

_REDUCTIONS: dict[str, Operator] = {
    "ReduceL1": _reduction(reduction(reductions.norm_1, torch.abs), NUMBERS),
    "ReduceL2": _reduction(reduction(reductions.norm_2, torch.abs)),
    "ReduceLogSum": _reduction(reduction(reductions.log_sum, torch.log)),
    "ReduceLogSumExp": _reduction(reduction(reductions.log_sum_exp)),
    "ReduceMax": _reduction(reduction(reductions.largest), NUMBERS),
    "ReduceMean": _reduction(reduction(reductions.mean)),
    "ReduceMin": _reduction(reduction(reductions.smallest), NUMBERS),
    "ReduceProd": _reduction(reduction(reductions.product), NUMBERS),
    "ReduceSum": _reduction(reduction(reductions.total), NUMBERS),
    "ReduceSumSquare": _reduction(reduction(reductions.sum_square, torch.square), NUMBERS),
}
REDUCTIONS = tuple(_REDUCTIONS)
"""The operators that reduce ``axes``."""

_WINDOWS_AND_AXES: dict[str, Operator] = {
    "ArgMax": _axis_places(torch.argmax),
    "ArgMin": _axis_places(torch.argmin),
    "AveragePool": Operator(pools.average_pool, settings=(*_POOL, "count_include_pad")),
    "CumSum": Operator(
        reductions.accumulated, values=(None, "axis"), settings=("exclusive", "reverse"), types=NUMBERS
    ),
    "GlobalAveragePool": Operator(pools.global_pool(lambda value, axes: value.mean(axes, keepdim=True))),
    "GlobalLpPool": Operator(pools.global_lp_pool, settings=("p",)),
    "GlobalMaxPool": Operator(pools.global_pool(lambda value, axes: value.amax(axes, keepdim=True))),
    "LpPool": Operator(pools.lp_pool, settings=(*_POOL, "p")),
    "MaxPool": Operator(pools.max_pool, settings=(*_POOL, "storage_order")),
    "TopK": Operator(
        reductions.top,
        values=(None, "k"),
        settings=("axis", "k", "largest", "sorted"),
        results=None,
        types=NUMBERS,
    ),
}

_PLACES: dict[str, Operator] = {
    "Concat": Operator(layout.concat, settings=("axis",), types=ANY),
    "DepthToSpace": Operator(rearrangement.depth_to_space, settings=("blocksize", "mode")),
    "Einsum": Operator(rearrangement.einsum, settings=("equation",)),
    "Expand": Operator(rearrangement.expand, values=(None, "shape"), types=ANY),
    "Flatten": Operator(layout.flatten, settings=("axis",), types=ANY),
    "Gather": Operator(rearrangement.gather, values=(None, "indices"), settings=("axis",), types=ANY, few=64),
    "GatherElements": Operator(rearrangement.gather_elements, settings=("axis",), types=ANY),
    "GatherND": Operator(rearrangement.gather_nd, settings=("batch_dims",), types=ANY),
    "GridSample": Operator(rearrangement.grid_sample, settings=("align_corners", "mode", "padding_mode")),
    "Pad": Operator(
        layout.pad, values=(None, "pads", "constant_value", "axes"), settings=("mode", "pads", "value")
    ),
    "Reshape": Operator(layout.reshape, values=(None, "shape"), settings=("allowzero",), types=ANY),
    "Resize": Operator(resize, values=(None, "roi", "scales", "sizes"), settings=_RESIZE),
    "ScatterElements": Operator(
        rearrangement.scatter_elements, settings=("axis", "reduction"), types=NUMBERS
    ),
    "ScatterND": Operator(rearrangement.scatter_nd, settings=("reduction",), types=NUMBERS),
    "Slice": Operator(
        layout.cut,
        values=(None, "starts", "ends", "axes", "steps"),
        settings=("starts", "ends", "axes"),
        types=ANY,
    ),
    "SpaceToDepth": Operator(rearrangement.space_to_depth, settings=("blocksize", "mode")),
    "Split": Operator(
        layout.split,
        values=(None, "split"),
        settings=("axis", "split", "num_outputs"),
        results=None,
        types=ANY,
    ),
    "Squeeze": Operator(layout.squeeze, values=_AXES, settings=("axes",), types=ANY),
    "Tile": Operator(rearrangement.tile, values=(None, "repeats"), types=ANY),
    "Transpose": Operator(layout.transpose, settings=("perm",), types=ANY),
    "Trilu": Operator(rearrangement.triangle, values=(None, "k"), settings=("upper",), types=ANY),
    "Unsqueeze": Operator(layout.unsqueeze, values=_AXES, settings=("axes",), types=ANY),
    "Upsample": Operator(resize, values=(None, "scales"), settings=("mode", "scales")),
}

OPERATORS: dict[str, Operator] = {
    **_LAYERS, **_ACTIVATIONS, **_VALUES, **_REDUCTIONS, **_WINDOWS_AND_AXES, **_PLACES,
}  # fmt: skip
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
