"""Weights of an IR: read from the float IR, and put on given scales in the int8 IR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.openvino.ir import openvino
from edgecnn.quantization.grids import stored_levels, weight_scales

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from edgecnn.quantization.kernels import Scheme

    Weights = npt.NDArray[np.float32]

_GROUPED = 5
"""Axes of a grouped convolution's weights, ``[G, O, I, H, W]``."""

_LAYERS = frozenset({"Convolution", "GroupConvolution", "MatMul"})


def float_weights(graph: openvino.Model) -> dict[str, Weights]:
    """Return the constant weights of a float graph's layers, by the layer's name."""
    found = {}
    for layer in graph.get_ordered_ops():
        if layer.get_type_name() in _LAYERS:
            source = layer.input(1).get_source_output().get_node()
            if source.get_type_name() == "Constant":
                found[layer.get_friendly_name()] = source.data.copy()
    return found


def kernels(weights: Mapping[str, Weights]) -> dict[str, Weights]:
    """Return weights in PyTorch's layout, output channels first: ``[O, I, H, W]`` or ``[O, I]``."""
    return {
        name: array.reshape(-1, *array.shape[2:]) if array.ndim == _GROUPED else array
        for name, array in weights.items()
    }


def replace_weights(
    quantized: openvino.Model,
    weights: Mapping[str, Weights],
    given: Mapping[str, Weights],
    *,
    scheme: Scheme,
) -> None:
    """Put the weights of quantized layers on given scales, or on safe ones if kernels saturate, in place.

    The scales of NNCF are those of the scheme ``symmetric`` and need no change for it.

    Args:
        quantized: An int8 graph made by NNCF, whose layers have the names of the float graph.
        weights: Result of :func:`float_weights`, for the quantized layers.
        given: Scales, float32 ``[O]``, of the layers whose weights are on a grid.
        scheme: Scheme of the kernels.
    """
    for layer in quantized.get_ordered_ops():
        name = layer.get_friendly_name()
        if name in weights and name in given:
            _replace(layer, weights[name], given[name])
        elif name in weights and scheme != "symmetric":
            _replace(layer, weights[name], _safe_scales(layer, weights[name], scheme))
    quantized.validate_nodes_and_infer_types()


def _safe_scales(layer: openvino.Node, original: Weights, scheme: Scheme) -> Weights:
    """Return one scale per output channel, float32 ``[O]``.

    A depthwise layer has one input channel per group, hence no pair along the channels, and keeps all 8 bits.
    """
    if layer.get_type_name() == "MatMul":
        kernel = original if _by_rows(layer) else original.T
    else:
        kernel = original.reshape(-1, *original.shape[_outer_axes(layer) :])
    return weight_scales(kernel, scheme, depthwise=False)


def _replace(layer: openvino.Node, original: Weights, scales: Weights) -> None:
    if layer.get_type_name() == "MatMul":
        shaped = scales[:, None] if _by_rows(layer) else scales[None, :]
    else:
        outer = _outer_axes(layer)
        shaped = scales.reshape(*original.shape[:outer], *(1,) * (original.ndim - outer))
    opset = openvino.opset13
    dequantized = opset.multiply(
        opset.convert(opset.constant(stored_levels(original, shaped)), "f32"), opset.constant(shaped)
    )
    layer.input(1).replace_source_output(dequantized.output(0))


def _by_rows(layer: openvino.Node) -> bool:
    return bool(layer.get_attributes()["transpose_b"])


def _outer_axes(layer: openvino.Node) -> int:
    """Return the number of axes before the input channels: ``[O, I, ...]`` or ``[G, O, I, ...]``."""
    return 1 if layer.get_type_name() == "Convolution" else 2
