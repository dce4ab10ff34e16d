"""Import of an ONNX file as a network that can be exported to every target."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import onnx_ir as ir

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.task import CLASSIFICATION
from edgecnn.core.text import did_you_mean
from edgecnn.models.detection_network import detection
from edgecnn.models.imported.families import FAMILIES
from edgecnn.models.imported.file_names import class_names
from edgecnn.models.imported.foreign import check_operators
from edgecnn.models.imported.heads import Heads, find_heads
from edgecnn.models.imported.image_input import Entrance, prepare_input
from edgecnn.models.imported.known_sizes import with_known_sizes
from edgecnn.models.imported.meaning import check_inference, check_opsets
from edgecnn.models.imported.memory import check_file_memory
from edgecnn.models.imported.onnx_file import fold, read_given_model
from edgecnn.models.imported.onnx_graph import cut, infer_shapes, link, name_of, shape_of
from edgecnn.models.imported.parts import add_parts, divide_convolutions, name_parts
from edgecnn.models.imported.raw_maps import map_levels
from edgecnn.models.imported.read import read_graph
from edgecnn.models.imported.settings import naming_opset
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from edgecnn.core.task import TaskDescription
    from edgecnn.models.imported.graph import ImportedGraph

_IMAGE = 4
_SCORES, _TABLE = 2, 3
_LEAST_LEVELS, _LEAST_MAPS = 2, 2
_MAX_SIDE = 8192


@dataclass(frozen=True)
class Imported:
    """Content of an ONNX file.

    Attributes:
        graph: The network's structure without its decode part.
        state: Its weights.
        contract: Preprocessing, as far as the file specifies it.
        classes: Number of classes; None if it is unknown.
        names: Names of the classes, if the file has them.
        task: The network's task: detection if a decode part was recognized and removed.
        opset: Version of ONNX's operators in the file.
    """

    graph: ImportedGraph
    state: dict[str, Tensor]
    contract: Contract
    classes: int | None
    names: tuple[str, ...]
    task: TaskDescription
    opset: int


@dataclass(frozen=True)
class ImageModel:
    """A file that takes one float32 image, channels first, or would if its sizes were not open.

    Attributes:
        model: Its linked model.
        entrance: Its input as its author made it.
    """

    model: ir.Model
    entrance: Entrance


def import_onnx(
    file: Path, outputs: Sequence[str] = (), size: tuple[int, int] | None = None, family: str = ""
) -> Imported:
    """Read a classifier or a detector with one image input.

    A classifier is read whole. A detector with a known decode part is cut at its raw heads and gets the
    preprocessing of its family. Any other network is cut at the tensors in ``outputs``.

    Args:
        file: The file; its weights may lie in files beside it.
        outputs: Names of the tensors at which the network is cut.
        size: Height and width of the images where the file leaves them open.
        family: Name of a family of detectors, for what the file does not say.

    Raises:
        InputError: The file is damaged, or has an unknown operation or decode part.
        UsageError: A name in ``outputs`` is not a tensor of the file.
    """
    read = read_image_model(file, size)
    model = read.model
    if not outputs:
        check_operators(model, file)
    height, width, channels = _image(model, file)
    _check_outputs(model, outputs)
    # Of a file that the user does not cut, all may be executed to find its decode part.
    check_file_memory(with_known_sizes(cut(model, outputs) if outputs else model, file), file)
    heads = _detector(model, file, tuple(outputs), family)
    names, sliced = name_parts(heads.parts) if heads else (tuple(outputs), ())
    add_parts(model, sliced)
    part = cut(model, names or tuple(map(name_of, model.graph.outputs)))
    check_operators(part, file)
    opset = model.opset_imports.get("", 0)
    with naming_opset(opset):
        check_inference(part)
    part = fold(part, file, moves=read.entrance.last)
    divide_convolutions(part, sliced)
    with naming_opset(opset):
        graph, state = read_graph(part)
    metadata = model.metadata_props
    contract = (
        FAMILIES[heads.family].preprocessing(height, width, channels)
        if heads
        else _contract(height, width, channels)
    )
    if read.entrance.pixels:
        contract = replace(contract, mean=(0.0,) * channels, std=(1.0,) * channels)
    if heads is not None:
        task, classes = detection(heads.detector), heads.classes
        graph = graph.model_copy(update={"parts": sliced})
        return Imported(graph, state, contract, classes, class_names(metadata, classes), task, opset)
    shapes = [shape_of(value) for value in part.graph.outputs]
    scores = shapes[0][1] if len(shapes) == 1 and len(shapes[0]) == _SCORES else None
    return Imported(graph, state, contract, scores, class_names(metadata, scores), CLASSIFICATION, opset)


def read_image_model(file: Path, size: tuple[int, int] | None = None) -> ImageModel:
    """Return the linked model of a file, with an undefined batch size set to 1.

    Args:
        file: The file.
        size: Height and width of the images where the file leaves them open.

    Raises:
        InputError: The file is damaged, or its tensors exceed the limits on memory.
    """
    content = read_given_model(file)
    check_opsets(content, file)
    entrance = prepare_input(content, file, size)
    model = link(infer_shapes(content, file, data_prop=True), file)
    check_file_memory(model, file)
    return ImageModel(model, entrance)


def _detector(model: ir.Model, file: Path, outputs: tuple[str, ...], family: str) -> Heads | None:
    """Return the place to cut a detector; None for a classifier, and for maps that are none of a detector's.

    A network that ends in maps, or that the user cuts, may be something else than a detector: it is one where
    each size has several maps that a family of detectors writes, or where the user names the family.
    """
    ranks = {len(shape_of(value)) for value in model.graph.outputs}
    if family or not (outputs or ranks <= {_SCORES, _IMAGE}):
        return find_heads(model, file, family, outputs)
    if ranks <= {_SCORES}:
        return None
    levels = map_levels(model, outputs)
    if len(levels) < _LEAST_LEVELS or any(len(level.maps) < _LEAST_MAPS for level in levels):
        return None
    with contextlib.suppress(InputError, UsageError):
        return find_heads(model, file, family, outputs)
    return None


def _image(model: ir.Model, file: Path) -> tuple[int, int, int]:
    """Return height, width and channels of the network's one input."""
    inputs = [value for value in model.graph.inputs if not value.is_initializer()]
    shapes = [shape_of(value) for value in inputs]
    floats = all(value.dtype == ir.DataType.FLOAT for value in inputs)
    if len(inputs) != 1 or len(shapes[0]) != _IMAGE or not floats:
        listed = ", ".join(f"{value.name} {list(shape)}" for value, shape in zip(inputs, shapes, strict=True))
        raise InputError(
            f"{file} takes {listed or 'nothing'}; a network of one float image [1, C, H, W] is needed",
            hint="export it again with one float32 input, the image, channels first",
        )
    batch, channels, height, width = shapes[0]
    if batch == 1 and channels in (1, 3) and min(height, width) < 1:
        raise InputError(
            f"{file} takes images {list(shapes[0])}, whose height and width (-1) are open",
            hint="name them with --input HEIGHTxWIDTH, such as --input 224x224, or in a pipeline as height "
            "and width under preprocessing",
        )
    if not (batch == 1 and channels in (1, 3) and 1 <= height <= _MAX_SIDE and 1 <= width <= _MAX_SIDE):
        raise InputError(
            f"{file} takes images {list(shapes[0])}; one gray or color image of a fixed size is needed",
            hint="export it again with a batch of 1 and a fixed height and width, channels first",
        )
    return height, width, channels


def _check_outputs(model: ir.Model, outputs: Sequence[str]) -> None:
    known = [name_of(value) for node in model.graph for value in node.outputs]
    for name in outputs:
        if name not in known:
            raise UsageError(f"the file has no tensor {name!r} to cut at", hint=did_you_mean(name, known))


def _contract(height: int, width: int, channels: int) -> Contract:
    """Return the usual preprocessing of classifiers; a pipeline may override every field."""
    if channels == 1:
        return Contract(height, width, color="gray", mean=(0.0,), std=(255.0,))
    return Contract(height, width)
