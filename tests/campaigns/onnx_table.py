"""The operators that the importer claims, with the domains of their settings in each opset, to draw from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.campaigns import onnx_inputs as base
from tests.campaigns import onnx_layer_inputs as layers
from tests.campaigns import onnx_value_inputs as values
from tests.campaigns.onnx_inputs import LAST, Input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.campaigns.onnx_inputs import Draw, Inputs


@dataclass(frozen=True)
class Setting:
    """An attribute of an operator.

    Attributes:
        values: Some of its domain.
        since: First opset that has it.
        until: Last opset that has it.
    """

    values: tuple[Any, ...]
    since: int = 1
    until: int = LAST


@dataclass(frozen=True)
class Drawn:
    """How nodes of an operator are drawn.

    Attributes:
        inputs: Makes the inputs, and attributes that depend on their shapes.
        settings: The attributes.
        since: First opset that has the operator.
        until: Last opset that has it.
        outputs: Number of outputs; the maker of inputs may put another one under ``outputs``.
    """

    inputs: Callable[[Draw], Inputs]
    settings: Mapping[str, Setting] = field(default_factory=dict)
    since: int = 7
    until: int = LAST


_ALPHA = {"alpha": Setting((0.0, 0.3, 1.7))}
_WINDOWS = {"dilations": Setting((None, None, [1, 1], [2, 1], [2, 2]), since=10)}
_CENTRES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize")

_FIRST: dict[str, Drawn] = {
    **{name: Drawn(base.binary_inputs) for name in ("Add", "Div", "Mul", "Sub")},
    **{name: Drawn(base.unary_inputs) for name in ("Exp", "Identity", "Relu", "Sigmoid", "Tanh")},
    "AveragePool": Drawn(
        base.pool_inputs,
        {"count_include_pad": Setting((0, 1)), "dilations": Setting((None, [1, 1], [2, 2]), since=19)},
    ),
    "BatchNormalization": Drawn(
        base.batch_norm_inputs,
        {
            "epsilon": Setting((1e-3, 0.1)),
            "momentum": Setting((0.5,)),
            "spatial": Setting((0, 1), until=8),
            "training_mode": Setting((0, 0, 1), since=14),
        },
    ),
    "Clip": Drawn(base.clip_inputs),
    "Concat": Drawn(base.concat_inputs),
    "Conv": Drawn(base.conv_inputs),
    "Dropout": Drawn(
        base.dropout_inputs, {"ratio": Setting((0.3,), until=11), "seed": Setting((3,), since=12)}
    ),
    "Elu": Drawn(base.unary_inputs, _ALPHA),
    "Flatten": Drawn(base.flatten_inputs),
    "Gemm": Drawn(
        base.gemm_inputs,
        {
            "alpha": Setting((0.5, 1.0)),
            "beta": Setting((0.3, 1.0)),
            "transA": Setting((0, 0, 1)),
            "transB": Setting((0, 1)),
        },
    ),
    "GlobalAveragePool": Drawn(lambda draw: [Input(draw.array(*draw.shape(3, 5)), moves=True)]),
    "HardSigmoid": Drawn(base.unary_inputs, {"alpha": Setting((0.1, 1 / 6)), "beta": Setting((0.4, 0.5))}),
    "HardSwish": Drawn(base.unary_inputs, since=14),
    "LeakyRelu": Drawn(base.unary_inputs, _ALPHA),
    "LogSoftmax": Drawn(base.along_axis_inputs),
    "MatMul": Drawn(base.matmul_inputs),
    "MaxPool": Drawn(base.pool_inputs, {**_WINDOWS, "storage_order": Setting((0, 1), since=8)}),
    "Pad": Drawn(base.pad_inputs, {"mode": Setting(("constant", "constant", "reflect", "edge"))}),
    "ReduceMean": Drawn(
        base.reduce_inputs, {"keepdims": Setting((0, 1)), "noop_with_empty_axes": Setting((0, 1), since=18)}
    ),
    "Reshape": Drawn(base.reshape_inputs, {"allowzero": Setting((0, 1), since=14)}),
    "Resize": Drawn(
        base.resize_inputs,
        {
            "mode": Setting(("nearest", "linear", "cubic")),
            "coordinate_transformation_mode": Setting(_CENTRES, since=11),
            "nearest_mode": Setting(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"), since=11),
            "cubic_coeff_a": Setting((-0.5, -0.75), since=11),
            "exclude_outside": Setting((0, 0, 1), since=11),
            "extrapolation_value": Setting((1.5,), since=11),
            "antialias": Setting((0, 1), since=18),
            "keep_aspect_ratio_policy": Setting(("stretch", "stretch", "not_larger"), since=18),
        },
        since=10,
    ),
    "Slice": Drawn(base.slice_inputs),
    "Softmax": Drawn(base.along_axis_inputs),
    "Split": Drawn(base.split_inputs),
    "Squeeze": Drawn(base.squeeze_inputs),
    "Transpose": Drawn(base.transpose_inputs),
    "Unsqueeze": Drawn(base.unsqueeze_inputs),
    "Upsample": Drawn(base.upsample_inputs, {"mode": Setting(("nearest", "linear"))}, until=9),
}

_REDUCED = {"keepdims": Setting((0, 1)), "noop_with_empty_axes": Setting((0, 1), since=18)}
_DIRECTION = {"direction": Setting((None, "forward", "reverse", "bidirectional"))}
_PLACE = {"keepdims": Setting((0, 1)), "select_last_index": Setting((0, 1), since=12)}
_POWER = {"p": Setting((1, 2, 3))}

_VALUES: dict[str, Drawn] = {
    **{
        name: Drawn(base.unary_inputs)
        for name in ("Atan", "Ceil", "Cos", "Erf", "Floor", "Mish", "Round", "Sin", "Softplus", "Softsign")
    },
    **{name: Drawn(base.unary_inputs) for name in ("Asinh", "Cosh", "Sinh", "Tan")},
    **{name: Drawn(values.in_domain(-1, 1)) for name in ("Acos", "Asin")},
    **{name: Drawn(values.in_domain(0.1, 4)) for name in ("Log", "Reciprocal", "Sqrt")},
    **{name: Drawn(values.one_number_inputs) for name in ("Abs", "Neg", "Sign")},
    **{
        name: Drawn(values.numbers_inputs)
        for name in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
    },
    **{name: Drawn(values.logic_inputs) for name in ("And", "Or", "Xor")},
    **{name: Drawn(values.many_numbers_inputs) for name in ("Max", "Min")},
    **{name: Drawn(values.many_inputs) for name in ("Mean", "Sum")},
    "Acosh": Drawn(values.in_domain(1.1, 4)),
    "Atanh": Drawn(values.in_domain(-0.9, 0.9)),
    "Cast": Drawn(values.cast_inputs, since=9),
    "CastLike": Drawn(values.cast_like_inputs, since=15),
    "Celu": Drawn(base.unary_inputs, {"alpha": Setting((0.3, 1.0, 1.7))}, since=12),
    "Gelu": Drawn(base.unary_inputs, {"approximate": Setting(("none", "tanh"))}, since=20),
    "Hardmax": Drawn(base.along_axis_inputs),
    "IsInf": Drawn(
        values.odd_values_inputs,
        {"detect_negative": Setting((0, 1)), "detect_positive": Setting((0, 1))},
        since=10,
    ),
    "IsNaN": Drawn(values.odd_values_inputs, since=9),
    "Mod": Drawn(values.modulo_inputs, since=10),
    "Not": Drawn(values.one_logic_inputs),
    "Pow": Drawn(values.power_inputs),
    "Selu": Drawn(base.unary_inputs, {"alpha": Setting((0.5,)), "gamma": Setting((2.0,))}),
    "Shrink": Drawn(base.unary_inputs, {"bias": Setting((0.5,)), "lambd": Setting((0.3, 1.0))}, since=9),
    "Swish": Drawn(base.unary_inputs, {"alpha": Setting((0.5, 1.0))}, since=24),
    "ThresholdedRelu": Drawn(base.unary_inputs, {"alpha": Setting((0.3, 1.0))}, since=10),
    "Where": Drawn(values.where_inputs, since=9),
}

_AXES: dict[str, Drawn] = {
    **{
        f"Reduce{name}": Drawn(base.reduce_inputs, _REDUCED)
        for name in ("L1", "L2", "LogSumExp", "Max", "Min", "Prod", "SumSquare")
    },
    **{name: Drawn(values.argument_inputs, _PLACE) for name in ("ArgMax", "ArgMin")},
    "CumSum": Drawn(values.sums_inputs, {"exclusive": Setting((0, 1)), "reverse": Setting((0, 1))}, since=11),
    "Einsum": Drawn(values.einsum_inputs, since=12),
    "GlobalLpPool": Drawn(layers.channels_inputs(0), _POWER),
    "GlobalMaxPool": Drawn(layers.channels_inputs(0)),
    "LpPool": Drawn(base.pool_inputs, _POWER),
    "ReduceLogSum": Drawn(
        lambda draw: [
            item and Input(abs(item.value) + 0.1 if item.moves else item.value, item.moves)
            for item in base.reduce_inputs(draw)
        ],
        _REDUCED,
    ),
    "ReduceSum": Drawn(lambda draw: base.reduce_inputs(draw, input_since=13), _REDUCED),
    "TopK": Drawn(
        values.top_inputs,
        {"largest": Setting((0, 1), since=11), "sorted": Setting((0, 1, 1), since=11)},
    ),
}

_LAYERS: dict[str, Drawn] = {
    "ConvTranspose": Drawn(layers.transposed_inputs),
    "GRU": Drawn(layers.sequence_inputs(3, 1), {**_DIRECTION, "linear_before_reset": Setting((0, 1, 1))}),
    "GroupNormalization": Drawn(layers.groups_inputs, {"epsilon": Setting((1e-3, 0.1))}, since=18),
    "InstanceNormalization": Drawn(layers.channels_inputs(2), {"epsilon": Setting((1e-3, 0.1))}),
    "LRN": Drawn(
        layers.channels_inputs(0),
        {
            "alpha": Setting((0.01, 1.0)),
            "beta": Setting((0.5,)),
            "bias": Setting((2.0,)),
            "size": Setting((1, 2, 3, 4)),
        },
    ),
    "LSTM": Drawn(layers.sequence_inputs(4, 2), {**_DIRECTION, "input_forget": Setting((0, 0, 1))}),
    "LayerNormalization": Drawn(layers.last_axes_inputs(2), {"epsilon": Setting((1e-3,))}, since=17),
    "LpNormalization": Drawn(layers.unit_inputs, {"p": Setting((1, 2))}),
    "MeanVarianceNormalization": Drawn(
        layers.channels_inputs(0), {"axes": Setting(([0, 2, 3], [2], [1, 2]))}, since=9
    ),
    "PRelu": Drawn(layers.slope_inputs),
    "RMSNormalization": Drawn(layers.last_axes_inputs(1), {"epsilon": Setting((1e-3,))}, since=23),
    "RNN": Drawn(layers.sequence_inputs(1, 1), {**_DIRECTION, "activations": Setting((["Tanh"], ["Relu"]))}),
}

_PLACES: dict[str, Drawn] = {
    "DepthToSpace": Drawn(layers.blocks_inputs(apart=False), {"mode": Setting(("DCR", "CRD"), since=11)}),
    "Expand": Drawn(layers.expand_inputs, since=8),
    "Gather": Drawn(layers.gather_inputs),
    "GatherElements": Drawn(layers.gather_elements_inputs, since=11),
    "GatherND": Drawn(layers.gather_nd_inputs, since=11),
    "GridSample": Drawn(
        layers.grid_inputs,
        {
            "align_corners": Setting((0, 1)),
            "mode": Setting(("bilinear", "nearest", "bicubic", "linear", "cubic")),
            "padding_mode": Setting(("zeros", "border", "reflection")),
        },
        since=16,
    ),
    "ScatterElements": Drawn(
        layers.scatter_elements_inputs, {"reduction": Setting(("none", "add", "mul"), since=16)}, since=11
    ),
    "ScatterND": Drawn(
        layers.scatter_nd_inputs, {"reduction": Setting(("none", "add", "max"), since=16)}, since=11
    ),
    "SpaceToDepth": Drawn(layers.blocks_inputs(apart=True)),
    "Tile": Drawn(layers.tile_inputs),
    "Trilu": Drawn(layers.triangle_inputs, {"upper": Setting((0, 1))}, since=14),
}

TABLE: dict[str, Drawn] = {**_FIRST, **_VALUES, **_AXES, **_LAYERS, **_PLACES}
"""Every operator of ONNX's own that the importer claims."""
