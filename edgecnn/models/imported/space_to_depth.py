"""Merging of space-to-depth operations into the convolution behind them.

A stem that moves blocks of 2x2 pixels into channels and convolves them with a 3x3 kernel (YOLOX's "focus")
equals one 6x6 convolution of stride 2. The convolution needs no operation that moves data, which integer
runtimes and NPUs lack or execute slowly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from edgecnn.models.imported.onnx_graph import constant, maker, stored

if TYPE_CHECKING:
    import numpy.typing as npt


_RANK = 4
_CHANNELS = (1, 1 - _RANK)
"""The axis of the channels, from either end."""


class MergeSpaceToDepth(ir.passes.InPlacePass):
    """Rewrite every convolution directly behind a SpaceToDepth operation as a convolution of the pixels.

    A Gather that ONNX Runtime inserts between the two to reorder channels is merged as well.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite the model's graph; operations without readers are left in it."""
        found = [(node, _space_to_depth(node)) for node in model.graph if node.op_type == "Conv"]
        for conv, source in found:
            if source is not None:
                _merge(model.graph, conv, *source)
        return ir.passes.PassResult(model, modified=any(source for _, source in found))


def spread(kernel: npt.NDArray[Any], channels: npt.NDArray[np.int64], block: int) -> npt.NDArray[Any]:
    """Convert a kernel over blocks of pixels into a kernel over pixels.

    Args:
        kernel: ``[O, I * block * block, kh, kw]``.
        channels: For each of its input channels, its place in the order row, column, channel.
        block: Pixels at the side of a block.

    Returns:
        ``[O, I, kh * block, kw * block]``.

    >>> spread(np.float32([[[[1]], [[2]], [[3]], [[4]]]]), np.arange(4), 2).tolist()
    [[[[1.0, 2.0], [3.0, 4.0]]]]
    """
    outputs, many, height, width = kernel.shape
    inputs = many // block**2
    ordered = np.empty_like(kernel)
    ordered[:, channels] = kernel
    parts = ordered.reshape(outputs, block, block, inputs, height, width)
    return np.ascontiguousarray(parts.transpose(0, 3, 4, 1, 5, 2)).reshape(
        outputs, inputs, height * block, width * block
    )


def _space_to_depth(conv: ir.Node) -> tuple[ir.Node, npt.NDArray[np.int64]] | None:
    """Return the operation that gathers a convolution's pixels, and the order of the channels, if any."""
    settings = conv.attributes
    once = all(set(settings.get_ints(name, [1])) == {1} for name in ("strides", "dilations"))
    kernel = constant(conv.inputs[1])
    placed = settings.get_string("auto_pad", "NOTSET") == "NOTSET"
    if settings.get_int("group", 1) != 1 or not once or not placed or kernel is None or kernel.ndim != _RANK:
        return None
    order, source = np.arange(kernel.shape[1]), conv.inputs[0]
    gather = maker(source, "Gather")
    channels = constant(gather.inputs[1]) if gather else None
    if gather is not None and channels is not None and gather.attributes.get_int("axis", 0) in _CHANNELS:
        order, source = channels.ravel().astype(np.int64), gather.inputs[0]
    blocks = maker(source, "SpaceToDepth")
    if blocks is None or blocks.attributes.get_string("mode", "DCR") != "DCR":
        return None
    return (blocks, order) if np.array_equal(np.sort(order), np.arange(kernel.shape[1])) else None


def _merge(graph: ir.Graph, conv: ir.Node, blocks: ir.Node, order: npt.NDArray[np.int64]) -> None:
    block = blocks.attributes["blocksize"].as_int()
    kernel = spread(stored(conv.inputs[1]), order, block)
    pixels = ir.val(f"{conv.outputs[0].name}/pixels", const_value=ir.tensor(kernel))
    graph.initializers.add(pixels)
    conv.replace_input_with(0, blocks.inputs[0])
    conv.replace_input_with(1, pixels)
    pads = [block * pad for pad in conv.attributes.get_ints("pads", [0, 0, 0, 0])]
    settings = {"kernel_shape": kernel.shape[2:], "strides": [block, block], "pads": pads}
    for name, values in settings.items():
        conv.attributes.add(ir.AttrInt64s(name, values))
