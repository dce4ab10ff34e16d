"""The operators that the importer claims, with the domains of their settings in each opset, to draw from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.campaigns.onnx_inputs import (
    LAST,
    Input,
    along_axis_inputs,
    batch_norm_inputs,
    binary_inputs,
    clip_inputs,
    concat_inputs,
    conv_inputs,
    dropout_inputs,
    flatten_inputs,
    gemm_inputs,
    matmul_inputs,
    pad_inputs,
    pool_inputs,
    reduce_inputs,
    reshape_inputs,
    resize_inputs,
    slice_inputs,
    split_inputs,
    squeeze_inputs,
    transpose_inputs,
    unary_inputs,
    unsqueeze_inputs,
    upsample_inputs,
)

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

TABLE: dict[str, Drawn] = {
    **{name: Drawn(binary_inputs) for name in ("Add", "Div", "Mul", "Sub")},
    **{name: Drawn(unary_inputs) for name in ("Exp", "Identity", "Relu", "Sigmoid", "Tanh")},
    "AveragePool": Drawn(
        pool_inputs,
        {"count_include_pad": Setting((0, 1)), "dilations": Setting((None, [1, 1], [2, 2]), since=19)},
    ),
    "BatchNormalization": Drawn(
        batch_norm_inputs,
        {
            "epsilon": Setting((1e-3, 0.1)),
            "momentum": Setting((0.5,)),
            "spatial": Setting((0, 1), until=8),
            "training_mode": Setting((0, 0, 1), since=14),
        },
    ),
    "Clip": Drawn(clip_inputs),
    "Concat": Drawn(concat_inputs),
    "Conv": Drawn(conv_inputs),
    "Dropout": Drawn(dropout_inputs, {"ratio": Setting((0.3,), until=11), "seed": Setting((3,), since=12)}),
    "Elu": Drawn(unary_inputs, _ALPHA),
    "Flatten": Drawn(flatten_inputs),
    "Gemm": Drawn(
        gemm_inputs,
        {
            "alpha": Setting((0.5, 1.0)),
            "beta": Setting((0.3, 1.0)),
            "transA": Setting((0, 0, 1)),
            "transB": Setting((0, 1)),
        },
    ),
    "GlobalAveragePool": Drawn(lambda draw: [Input(draw.array(*draw.shape(3, 5)), moves=True)]),
    "HardSigmoid": Drawn(unary_inputs, {"alpha": Setting((0.1, 1 / 6)), "beta": Setting((0.4, 0.5))}),
    "HardSwish": Drawn(unary_inputs, since=14),
    "LeakyRelu": Drawn(unary_inputs, _ALPHA),
    "LogSoftmax": Drawn(along_axis_inputs),
    "MatMul": Drawn(matmul_inputs),
    "MaxPool": Drawn(pool_inputs, {**_WINDOWS, "storage_order": Setting((0, 1), since=8)}),
    "Pad": Drawn(pad_inputs, {"mode": Setting(("constant", "constant", "reflect", "edge"))}),
    "ReduceMean": Drawn(
        reduce_inputs, {"keepdims": Setting((0, 1)), "noop_with_empty_axes": Setting((0, 1), since=18)}
    ),
    "Reshape": Drawn(reshape_inputs, {"allowzero": Setting((0, 1), since=14)}),
    "Resize": Drawn(
        resize_inputs,
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
    "Slice": Drawn(slice_inputs),
    "Softmax": Drawn(along_axis_inputs),
    "Split": Drawn(split_inputs),
    "Squeeze": Drawn(squeeze_inputs),
    "Transpose": Drawn(transpose_inputs),
    "Unsqueeze": Drawn(unsqueeze_inputs),
    "Upsample": Drawn(upsample_inputs, {"mode": Setting(("nearest", "linear"))}, until=9),
}
"""Every operator of ONNX's own that the importer claims."""
