"""Convolutions of pixels that were gathered into channels, as convolutions of the pixels themselves.

A stem that moves blocks of 2x2 pixels into channels and convolves them with a 3x3 kernel (YOLOX's "focus")
computes what one 6x6 convolution of stride 2 computes. As such it needs no operation that moves data, which
integer runtimes and NPUs lack or are slow at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from edgecnn.models.imported.wiring import Wiring, drop_unread

if TYPE_CHECKING:
    import numpy.typing as npt


def merge_into_convolutions(model: onnx.ModelProto) -> None:
    """Rewrite every convolution right behind a SpaceToDepth operation, in place.

    A Gather that reorders the channels between the two, as ONNX Runtime writes it, is merged as well.
    """
    wiring = Wiring.of(model.graph)
    for node in model.graph.node:
        source = _space_to_depth(node, wiring) if node.op_type == "Conv" else None
        if source is not None:
            _merge(model.graph, node, *source, wiring)
    drop_unread(model.graph)


def spread(kernel: npt.NDArray[Any], channels: npt.NDArray[np.int64], block: int) -> npt.NDArray[Any]:
    """Return the kernel over pixels of a kernel over blocks of them.

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


def _space_to_depth(
    conv: onnx.NodeProto, wiring: Wiring
) -> tuple[onnx.NodeProto, npt.NDArray[np.int64]] | None:
    """Return the operation that gathers a convolution's pixels, and the order of the channels, if any."""
    settings = {item.name: onnx.helper.get_attribute_value(item) for item in conv.attribute}
    plain = settings.get("group", 1) == 1 and all(
        set(settings.get(name, [1])) == {1} for name in ("strides", "dilations")
    )
    if not plain or conv.input[1] not in wiring.constants:
        return None
    order = np.arange(wiring.constants[conv.input[1]].shape[1])
    maker = wiring.makers.get(conv.input[0])
    if maker is not None and maker.op_type == "Gather" and maker.input[1] in wiring.constants:
        order = wiring.constants[maker.input[1]].ravel().astype(np.int64)
        maker = wiring.makers.get(maker.input[0])
    if maker is None or maker.op_type != "SpaceToDepth":
        return None
    return maker, order


def _merge(
    graph: onnx.GraphProto,
    conv: onnx.NodeProto,
    gather: onnx.NodeProto,
    order: npt.NDArray[np.int64],
    wiring: Wiring,
) -> None:
    block = int(onnx.helper.get_attribute_value(gather.attribute[0]))
    kernel = spread(wiring.constants[conv.input[1]], order, block)
    name = f"{conv.input[1]}/pixels"
    graph.initializer.append(onnx.numpy_helper.from_array(kernel, name))
    settings = {item.name: onnx.helper.get_attribute_value(item) for item in conv.attribute}
    settings["kernel_shape"] = kernel.shape[2:]
    settings["strides"] = [block, block]
    settings["pads"] = [block * pad for pad in settings.get("pads", [0, 0, 0, 0])]
    conv.input[0], conv.input[1] = gather.input[0], name
    conv.ClearField("attribute")
    conv.attribute.extend(onnx.helper.make_attribute(key, value) for key, value in settings.items())
