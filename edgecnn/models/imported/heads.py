"""The raw heads of a detector in an ONNX file, found in front of its decode part.

Exported detectors end in operations that turn the heads' maps into one long table of boxes: sigmoids, grids,
strides, concatenations. In int8 all of these values would share one scale. The decode part is recognized by
its structure, and the recognition is *proven*: our decode of the heads must equal the outputs of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.models.imported.onnx_file import run
from edgecnn.models.imported.onnx_graph import cut, maker, name_of, shape_of
from edgecnn.ondevice.detector import Detector, Level

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    import onnx_ir as ir

    Map = npt.NDArray[np.float32]

_IMAGE = 4
_BOX = 4
_TOLERANCE = 1e-3
_SHOWN = 9

# The settings with which YOLOX's authors evaluate; nearly all boxes are kept for the precision-recall curve.
_SCORE, _IOU = 0.01, 0.65


@dataclass(frozen=True)
class Heads:
    """Place where a detector is cut.

    Attributes:
        outputs: Names of the raw maps, in the order of the detector's indices.
        detector: The computation of the removed part.
        classes: Number of classes.
    """

    outputs: tuple[str, ...]
    detector: Detector
    classes: int


@dataclass(frozen=True)
class _Level:
    """Outputs of the three convolutions of one feature map."""

    boxes: ir.Value
    objectness: ir.Value
    scores: ir.Value

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width of the map."""
        return shape_of(self.boxes)[2:]


def find_heads(model: ir.Model, file: Path) -> Heads:
    """Find the raw heads of a detector with YOLOX's decode part, whether or not it decodes the grid.

    Args:
        model: Model with inferred shapes and batch 1.
        file: Name of the file in messages.

    Raises:
        InputError: The decode part is not YOLOX's; the message names what was searched for.
    """
    levels = sorted(_levels(model.graph), key=lambda level: -level.size[0])
    height, width = shape_of(model.graph.inputs[0])[2:]
    strides = [height / level.size[0] for level in levels]
    fits = [width / level.size[1] == stride for level, stride in zip(levels, strides, strict=True)]
    names = tuple(
        name for level in levels for name in map(name_of, (level.boxes, level.scores, level.objectness))
    )
    if not levels or not all(fits) or not _proven(model, file, names, strides):
        raise _unrecognized(model, file, len(levels))
    places = range(0, len(names), 3)
    described = tuple(
        Level(stride, boxes=place, scores=place + 1, objectness=place + 2)
        for stride, place in zip(strides, places, strict=True)
    )
    return Heads(
        names,
        Detector(described, "yolox", score_threshold=_SCORE, iou_threshold=_IOU),
        shape_of(levels[0].scores)[1],
    )


def _levels(graph: ir.Graph) -> list[_Level]:
    """Return every concatenation of 4 box channels, an objectness and class scores."""
    found = []
    for node in graph:
        heads = [_head(value) for value in node.inputs] if node.op_type == "Concat" else []
        maps = [head for head in heads if head is not None and len(shape_of(head)) == _IMAGE]
        if len(heads) == len(maps) == 3 and [shape_of(head)[1] for head in maps[:2]] == [_BOX, 1]:
            found.append(_Level(*maps))
    return found


def _head(value: ir.Value | None) -> ir.Value | None:
    """Return the convolution output that a part of a table is computed from, at most through a sigmoid."""
    sigmoid = maker(value, "Sigmoid")
    source = sigmoid.inputs[0] if sigmoid else value
    return source if maker(source, "Conv") else None


def _proven(model: ir.Model, file: Path, names: tuple[str, ...], strides: list[float]) -> bool:
    """Return whether our decode of the heads equals the outputs of the file, for an image of noise."""
    sizes = shape_of(model.graph.inputs[0])
    # The noise is dark, because the exponential of the sides in a decode part must not overflow.
    image = np.random.default_rng(0).uniform(0, 1, sizes).astype(np.float32)
    (answer,) = run(model, file, image)
    maps = run(cut(model, names), file, image)
    decoded, raw = (_table(maps, strides, decoded=decoded) for decoded in (True, False))
    return any(
        table.shape == answer.shape and np.allclose(table, answer, rtol=_TOLERANCE, atol=_TOLERANCE)
        for table in (decoded, raw)
    )


def _table(maps: list[Map], strides: list[float], *, decoded: bool) -> Map:
    """Return YOLOX's table of the heads' maps, float32 ``[1, cells, 4 + 1 + classes]``."""
    rows = []
    for place, stride in enumerate(strides):
        boxes, scores, objectness = maps[3 * place : 3 * place + 3]
        height, width = boxes.shape[2:]
        if decoded:
            grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)))
            sides = np.exp(boxes[:, 2:])
            boxes = (np.concatenate([boxes[:, :2] + grid, sides], axis=1) * stride).astype(np.float32)
        parts = [boxes, _sigmoid(objectness), _sigmoid(scores)]
        rows.append(np.concatenate(parts, axis=1).reshape(1, -1, height * width))
    return np.concatenate(rows, axis=2).transpose(0, 2, 1).astype(np.float32)


def _sigmoid(values: Map) -> Map:
    return np.float32(0.5) * (np.float32(1.0) + np.tanh(values / 2))


def _unrecognized(model: ir.Model, file: Path, levels: int) -> InputError:
    answers = ", ".join(f"{value.name} {list(shape_of(value))}" for value in model.graph.outputs)
    looked = (
        "a table [1, cells, 4 + 1 + classes] of YOLOX's kind: behind each feature map three convolutions, of "
        "4 box channels, 1 objectness and the class scores, joined along the channels"
    )
    found = f"{levels} such feature maps, whose decode gives other values" if levels else "none"
    last = ",".join(last_convolutions(model.graph)[:_SHOWN])
    return InputError(
        f"{file}: the decode part behind {answers} is not recognized; looked for {looked}; found {found}",
        hint=f"name the raw maps yourself, such as --outputs {last}",
    )


def last_convolutions(graph: ir.Graph) -> list[str]:
    """Return the outputs of the last convolutions before the network's outputs."""
    found: set[ir.Node] = set()
    waiting = [value.producer() for value in graph.outputs]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            waiting += () if node.op_type == "Conv" else node.predecessors()
    return [name_of(node.outputs[0]) for node in graph if node in found and node.op_type == "Conv"]
