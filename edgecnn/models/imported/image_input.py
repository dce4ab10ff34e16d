"""The input of a user's ONNX file, made one float32 image ``[1, C, H, W]``.

Files differ: Keras and tf2onnx put the channels last, files for devices take bytes and normalize inside, and
some hold float16. The file is rewritten so that it takes what every network here takes; for execution of the
file itself, :func:`as_given` turns such an image into what the file takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

_IMAGE = 4
_CHANNELS = (1, 3)
_LAST, _FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
_MOVES = frozenset({"Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_HALF, _FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


@dataclass(frozen=True)
class Entrance:
    """The input of a file as its author made it.

    Attributes:
        pixels: Whether the file takes the values of pixels, 0 to 255, as bytes.
        last: Whether its channels are last.
    """

    pixels: bool = False
    last: bool = False


def prepare_input(model: onnx.ModelProto, file: Path, size: tuple[int, int] | None = None) -> Entrance:
    """Rewrite a file in place so that it takes one float32 image, channels first, and holds no float16.

    A file of another kind of input stays as it is.

    Args:
        model: Content of the file.
        file: Its name in messages.
        size: Height and width where the file leaves them open; None keeps what it says.

    Raises:
        InputError: The bytes are used for more than a conversion to float.
    """
    if _holds_half(model):
        _to_single(model)
    constants = {item.name for item in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in constants]
    if len(inputs) != 1 or len(inputs[0].type.tensor_type.shape.dim) != _IMAGE:
        return Entrance()
    (image,) = inputs
    sizes = image.type.tensor_type.shape.dim
    if not sizes[0].HasField("dim_value") or sizes[0].dim_value < 1:
        sizes[0].dim_value = 1
    last = channels_last([item.dim_value for item in sizes])
    if size is not None:
        for item, number in zip(sizes[1:3] if last else sizes[2:], size, strict=True):
            if item.dim_value < 1:
                item.dim_value = number
    pixels = image.type.tensor_type.elem_type == TensorProto.UINT8
    if pixels:
        _take_floats(model, image, file)
    if last:
        _channels_first(model.graph, image)
    return Entrance(pixels, last)


def channels_last(shape: Sequence[int | str | None]) -> bool:
    """Return whether the shape of an image has its channels at the end; an open size is no number, or 0."""
    return len(shape) == _IMAGE and shape[3] in _CHANNELS and shape[1] not in _CHANNELS


def as_given(
    image: npt.NDArray[np.float32], shape: Sequence[int | str | None], kind: str
) -> npt.NDArray[Any]:
    """Return an image as a file takes it.

    Args:
        image: float32 ``[1, C, H, W]``.
        shape: Shape of the file's input.
        kind: Its type, in the words of ONNX Runtime.
    """
    moved = image.transpose(_LAST) if channels_last(shape) else image
    made = np.rint(moved) if kind == "tensor(uint8)" else moved
    return np.ascontiguousarray(made, _TYPES.get(kind, np.float32))


def _channels_first(graph: onnx.GraphProto, image: onnx.ValueInfoProto) -> None:
    """Turn the input of a graph; what turns it back first reads it as it is now."""
    sizes = image.type.tensor_type.shape.dim
    old = [onnx.TensorShapeProto.Dimension() for _ in sizes]
    for kept, item in zip(old, sizes, strict=True):
        kept.CopyFrom(item)
    for item, place in zip(sizes, _FIRST, strict=True):
        item.CopyFrom(old[place])
    moved = f"{image.name}/channels_last"
    turns = [node for node in graph.node if _turns(node, image.name)]
    for node in turns:
        node.op_type = "Identity"
        node.ClearField("attribute")
    _rename_reads([node for node in graph.node if not any(node is turn for turn in turns)], image.name, moved)
    for output in graph.output:
        if output.name == image.name:
            output.name = moved
    turn = helper.make_node(
        "Transpose", [image.name], [moved], name=f"{image.name}_channels_last", perm=_LAST
    )
    graph.node.insert(0, turn)


def _turns(node: onnx.NodeProto, name: str) -> bool:
    """Return whether a node brings the channels of a tensor, which are last, to the front."""
    orders = [list(item.ints) for item in node.attribute if item.name == "perm"]
    return node.op_type == "Transpose" and list(node.input) == [name] and orders == [_FIRST]


def _take_floats(model: onnx.ModelProto, image: onnx.ValueInfoProto, file: Path) -> None:
    """Let a file that takes bytes take their values as floats: conversions of them do nothing any more."""
    image.type.tensor_type.elem_type = _FLOAT
    whole = {image.name}
    for node in model.graph.node:
        if not whole.intersection(node.input):
            continue
        if node.op_type == "Cast" and _casts_to(node) == _FLOAT:
            node.op_type = "Identity"
            node.ClearField("attribute")
        elif node.op_type in _MOVES:
            whole.update(node.output)
        else:
            raise InputError(
                f"{file} takes bytes, and {node.op_type} {node.name} computes with them as bytes",
                hint="export it with a float32 image, or with a conversion to float first",
            )
    kept = [item for item in model.graph.value_info if item.name not in whole]
    del model.graph.value_info[:]
    model.graph.value_info.extend(kept)


def _casts_to(node: onnx.NodeProto) -> int:
    return next((item.i for item in node.attribute if item.name == "to"), 0)


def _rename_reads(nodes: Sequence[onnx.NodeProto], name: str, new: str) -> None:
    for node in nodes:
        for place, read in enumerate(node.input):
            if read == name:
                node.input[place] = new


def _holds_half(model: onnx.ModelProto) -> bool:
    """Return whether a file takes or keeps float16; a Cast alone rounds numbers, so it is not left out."""
    return any(item.data_type == _HALF for item in model.graph.initializer) or any(
        item.type.tensor_type.elem_type == _HALF for item in model.graph.input
    )


def _to_single(model: onnx.ModelProto) -> None:
    """Turn every float16 of a file into float32, in place; the values of its constants stay the same."""
    graph = model.graph
    for item in graph.initializer:
        _widen(item)
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == _HALF:
            value.type.tensor_type.elem_type = _FLOAT
    del graph.value_info[:]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _widen(attribute.t)
            if attribute.name in ("to", "dtype") and attribute.i == _HALF:
                attribute.i = _FLOAT


def _widen(tensor: TensorProto) -> None:
    if tensor.data_type == _HALF:
        values = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
