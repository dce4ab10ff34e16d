"""Weights of an int8 IR on scales that cannot saturate, instead of on half the range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.compress.saturation import MAX_WEIGHT, pair_safe_scales
from edgecnn.formats.openvino.ir import openvino

if TYPE_CHECKING:
    import numpy.typing as npt

_LAYERS = frozenset({"Convolution", "GroupConvolution", "MatMul"})


def float_weights(graph: openvino.Model) -> dict[str, npt.NDArray[np.float32]]:
    """Return the constant weights of a float graph's layers, by the layer's name."""
    found = {}
    for layer in graph.get_ordered_ops():
        if layer.get_type_name() in _LAYERS:
            source = layer.input(1).get_source_output().get_node()
            if source.get_type_name() == "Constant":
                found[layer.get_friendly_name()] = source.data.copy()
    return found


def replace_weights(quantized: openvino.Model, weights: dict[str, npt.NDArray[np.float32]]) -> None:
    """Put every layer's weights on the smallest scales at which no pair of products saturates, in place.

    The CPU plugin's kernels add products pairwise along the input channels, at each place of the kernel by
    itself, and pad an odd channel with zero. A depthwise layer has one input channel a group, hence no pair,
    and keeps all 8 bits.

    Args:
        quantized: An int8 graph made by NNCF, whose layers carry the names of the float graph.
        weights: From :func:`float_weights`.
    """
    for layer in quantized.get_ordered_ops():
        original = weights.get(layer.get_friendly_name())
        if original is not None:
            _replace(layer, original)
    quantized.validate_nodes_and_infer_types()


def _replace(layer: openvino.Node, original: npt.NDArray[np.float32]) -> None:
    if layer.get_type_name() == "MatMul":
        by_rows = bool(layer.get_attributes()["transpose_b"])
        scales = pair_safe_scales(original if by_rows else original.T)
        scales = scales[:, None] if by_rows else scales[None, :]
    else:
        outer = 1 if layer.get_type_name() == "Convolution" else 2  # [O, I, ...] or [G, O, I, ...]
        inner = np.moveaxis(original, outer, -1)
        even = np.pad(inner, [(0, 0)] * (inner.ndim - 1) + [(0, inner.shape[-1] % 2)])
        outputs = original.shape[:outer]
        scales = pair_safe_scales(even.reshape(int(np.prod(outputs)), -1))
        scales = scales.reshape(*outputs, *(1,) * (original.ndim - outer))
    levels = np.clip(np.rint(original / scales), -MAX_WEIGHT, MAX_WEIGHT).astype(np.int8)
    opset = openvino.opset13
    dequantized = opset.multiply(opset.convert(opset.constant(levels), "f32"), opset.constant(scales))
    layer.input(1).replace_source_output(dequantized.output(0))
