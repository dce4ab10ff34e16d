"""The raw heads of a detector in an ONNX file, found behind its decode part.

Exported detectors end in operations that turn the heads' maps into one long table of boxes: sigmoids, grids,
strides, concatenations. In int8 all of it would share one scale. It is recognized by its structure, and the
recognition is *proven*: what our own decode makes of the heads must be what the file answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.models.imported.onnx_file import run
from edgecnn.models.imported.wiring import Wiring, cut
from edgecnn.ondevice.detector import Detector, Level

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    import onnx

    Map = npt.NDArray[np.float32]

_TABLE = 3
_BOX = 4
_TOLERANCE = 1e-3
_SHOWN = 9

# What YOLOX's authors evaluate with: nearly all boxes are kept for the precision-recall curve.
_SCORE, _IOU = 0.01, 0.65


@dataclass(frozen=True)
class Heads:
    """Where a detector is cut.

    Attributes:
        outputs: Names of the raw maps, in the order of the detector's indices.
        detector: What the cut part computes from them.
        classes: Number of classes.
    """

    outputs: tuple[str, ...]
    detector: Detector
    classes: int


@dataclass(frozen=True)
class _Level:
    """The convolutions of one feature map, by the names of their outputs."""

    boxes: str
    objectness: str
    scores: str
    size: tuple[int, int]


def find_heads(model: onnx.ModelProto, file: Path) -> Heads:
    """Find the raw heads of a detector whose decode part is YOLOX's, with the grid decoded or not.

    Args:
        model: With shapes inferred, batch 1.
        file: What messages call it.

    Raises:
        InputError: The decode part is another; the message says what was looked for.
    """
    wiring = Wiring.of(model.graph)
    levels = sorted(_levels(model, wiring), key=lambda level: -level.size[0])
    height, width = wiring.shapes[model.graph.input[0].name][2:]
    strides = [height / level.size[0] for level in levels]
    fits = [width / level.size[1] == stride for level, stride in zip(levels, strides, strict=True)]
    names = tuple(name for level in levels for name in (level.boxes, level.scores, level.objectness))
    if not levels or not all(fits) or not _proven(model, file, names, strides):
        raise _unrecognized(model, file, wiring, len(levels))
    places = range(0, len(names), 3)
    described = tuple(
        Level(stride, boxes=place, scores=place + 1, objectness=place + 2)
        for stride, place in zip(strides, places, strict=True)
    )
    return Heads(
        names,
        Detector(described, "yolox", score_threshold=_SCORE, iou_threshold=_IOU),
        wiring.shapes[levels[0].scores][1],
    )


def _levels(model: onnx.ModelProto, wiring: Wiring) -> list[_Level]:
    """Return every concatenation of 4 box channels, an objectness and scores behind the output."""
    behind = wiring.behind([value.name for value in model.graph.output])
    found = []
    for name in behind:
        node = wiring.makers[name]
        heads = [_head(source, wiring) for source in node.input] if node.op_type == "Concat" else []
        if len(heads) != 3 or None in heads:
            continue
        boxes, objectness, scores = (str(head) for head in heads)
        shapes = [wiring.shapes.get(head, ()) for head in (boxes, objectness, scores)]
        channels = [shape[1] for shape in shapes if len(shape) == _BOX]
        if len(channels) == 3 and channels[:2] == [_BOX, 1]:
            found.append(_Level(boxes, objectness, scores, (shapes[0][2], shapes[0][3])))
    return found


def _head(name: str, wiring: Wiring) -> str | None:
    """Return the convolution's output that a part of a table is computed from through at most a sigmoid."""
    node = wiring.makers.get(name)
    if node is not None and node.op_type == "Sigmoid":
        name = node.input[0]
        node = wiring.makers.get(name)
    return name if node is not None and node.op_type == "Conv" else None


def _proven(model: onnx.ModelProto, file: Path, names: tuple[str, ...], strides: list[float]) -> bool:
    """Whether our decode of the heads is what the file answers, for an image of noise."""
    sizes = Wiring.of(model.graph).shapes[model.graph.input[0].name]
    # Dark noise: an exponential of sides in a decode part must not overflow.
    image = np.random.default_rng(0).uniform(0, 1, sizes).astype(np.float32)
    (answer,) = run(model, file, image)
    maps = run(cut(model, names), file, image)
    decoded, raw = (_table(maps, strides, decoded=decoded) for decoded in (True, False))
    return any(
        table.shape == answer.shape and np.allclose(table, answer, rtol=_TOLERANCE, atol=_TOLERANCE)
        for table in (decoded, raw)
    )


def _table(maps: list[Map], strides: list[float], *, decoded: bool) -> Map:
    """Return what YOLOX makes of its heads, float32 ``[1, cells, 4 + 1 + classes]``."""
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


def _unrecognized(model: onnx.ModelProto, file: Path, wiring: Wiring, levels: int) -> InputError:
    answers = ", ".join(f"{value.name} {list(wiring.shapes[value.name])}" for value in model.graph.output)
    looked = (
        "a table [1, cells, 4 + 1 + classes] of YOLOX's kind: behind each feature map three convolutions, of "
        "4 box channels, 1 objectness and the class scores, joined along the channels"
    )
    found = f"{levels} such feature maps, whose decode gives other values" if levels else "none"
    return InputError(
        f"{file}: the decode part behind {answers} is not recognized; looked for {looked}; found {found}",
        hint=f"name the raw maps yourself, such as --outputs {','.join(last_convolutions(model)[:_SHOWN])}",
    )


def last_convolutions(model: onnx.ModelProto) -> list[str]:
    """Return the outputs of the convolutions that the answer is computed from through no other one."""
    wiring = Wiring.of(model.graph)
    convolutions = {node.output[0] for node in model.graph.node if node.op_type == "Conv"}
    behind = wiring.behind([value.name for value in model.graph.output], stop=convolutions)
    order = [name for node in model.graph.node for name in node.output]
    return [name for name in order if name in convolutions and name in behind]
