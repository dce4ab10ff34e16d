"""The raw heads of a detector are found in front of its decode part, and the finding is proven."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper, numpy_helper

from edgecnn.core.errors import InputError
from edgecnn.models.imported.heads import find_heads
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.imported.onnx_file import read_model
from edgecnn.models.imported.onnx_graph import infer_shapes, link
from edgecnn.models.imported.raw_maps import last_convolutions
from tests.support.onnx_writer import SIZE, Writer, answers_alike, integers
from tests.support.tasks import detector_of


def detector(folder: Path, *, decoded: bool = False, broken: bool = False) -> Path:
    """A detector of two levels with YOLOX's decode part; a broken one's scores go through an exponential."""
    writer, rows = Writer(), []
    source, size = "images", SIZE
    for into in (3, 8):
        source, size = writer.conv(source, into, 8, 3, strides=[2, 2]), size // 2
        boxes, objectness, scores = (writer.conv(source, 8, count) for count in (4, 1, 3))
        scores = writer.add("Exp" if broken else "Sigmoid", scores)
        parts = [boxes, writer.add("Sigmoid", objectness), scores]
        joined = writer.add("Concat", *parts, axis=1)
        rows.append(writer.add("Reshape", joined, writer.constant(integers(1, 8, -1))))
    table = writer.add("Transpose", writer.add("Concat", *rows, axis=2), perm=[0, 2, 1])
    return writer.save(folder / "detector.onnx", _decoded(writer, table) if decoded else table)


def _decoded(writer: Writer, table: str) -> str:
    """Add grid and strides, as YOLOX's export with the decode part does."""
    grids, strides = [], []
    for stride in (2, 4):
        side = SIZE // stride
        x, y = np.meshgrid(np.arange(side), np.arange(side))
        grids.append(np.stack([x, y], axis=-1).reshape(1, -1, 2))
        strides.append(np.full((1, side * side, 1), stride))
    grid = writer.constant(np.concatenate(grids, axis=1).astype(np.float32))
    step = writer.constant(np.concatenate(strides, axis=1).astype(np.float32))
    sizes = writer.constant(integers(2, 2, 4))
    centers, sides, rest = writer.add("Split", table, sizes, axis=2, count=3)
    corners = writer.add("Mul", writer.add("Add", centers, grid), step)
    extents = writer.add("Mul", writer.add("Exp", sides), step)
    return str(writer.add("Concat", corners, extents, rest, axis=2))


def opened(file: Path) -> ir.Model:
    return link(infer_shapes(read_model(file), file), file)


@pytest.mark.parametrize("decoded", [False, True])
def test_heads_are_named_by_level_the_finest_first(decoded: bool, tmp_path: Path) -> None:
    """A level holds boxes, scores and objectness in this order, whatever the order in the file."""
    file = detector(tmp_path, decoded=decoded)
    model = opened(file)
    found = find_heads(model, file)
    convolutions = [node.outputs[0].name for node in model.graph if node.op_type == "Conv"]
    assert [part.source for part in found.parts] == [convolutions[place] for place in (1, 3, 2, 5, 7, 6)]
    assert [(level.boxes, level.scores, level.objectness) for level in found.detector.levels] == [
        (0, 1, 2),
        (3, 4, 5),
    ]
    assert [level.stride for level in found.detector.levels] == [2, 4]
    assert found.classes == 3


def test_the_last_convolutions_are_those_that_no_other_one_reads(tmp_path: Path) -> None:
    writer = Writer()
    first = writer.conv("images", 3, 4)
    left, right = writer.conv(first, 4, 4), writer.conv(first, 4, 2)
    file = writer.save(tmp_path / "net.onnx", writer.add("Sigmoid", left), right)
    assert last_convolutions(opened(file).graph) == [left, right]


def test_a_classifier_has_no_heads(tmp_path: Path) -> None:
    writer = Writer()
    last = writer.conv("images", 3, 5)
    file = writer.save(tmp_path / "net.onnx", writer.add("GlobalAveragePool", last))
    with pytest.raises(InputError, match="channels that no known family has") as caught:
        find_heads(opened(file), file)
    assert str(caught.value.hint).endswith(f"--outputs {last}")


@pytest.mark.parametrize("decoded", [False, True])
def test_a_detector_is_cut_at_its_raw_heads(decoded: bool, tmp_path: Path) -> None:
    file = detector(tmp_path, decoded=decoded)
    maps = answers_alike(file)
    assert [part.shape[1:] for part in maps] == [
        (4, 16, 16),
        (3, 16, 16),
        (1, 16, 16),
        (4, 8, 8),
        (3, 8, 8),
        (1, 8, 8),
    ]
    found = import_onnx(file)
    assert detector_of(found).boxes == "yolox"
    assert [level.stride for level in detector_of(found).levels] == [2, 4]
    assert (found.classes, found.contract.color, found.contract.resize) == (3, "bgr", "letterbox")


def test_a_decode_part_that_is_not_recognized_is_said_with_a_way_out(tmp_path: Path) -> None:
    file = detector(tmp_path, broken=True)
    with pytest.raises(InputError, match="its 2 feature maps resemble those of yolox") as caught:
        import_onnx(file)
    assert caught.value.hint is not None
    assert "--outputs" in caught.value.hint
    names = caught.value.hint.partition("--outputs ")[2].split(",")
    assert len(names) == 6, "the last convolutions are offered"
    assert [part.shape[1] for part in answers_alike(file, tuple(names))] == [4, 1, 3, 4, 1, 3]


def test_a_decode_part_that_computes_something_else_is_not_taken_for_yolox_s(tmp_path: Path) -> None:
    """The structure alone proves nothing: here all boxes are doubled behind it."""
    model = read_model(detector(tmp_path))
    last = model.graph.node[-1]
    answer, last.output[0] = last.output[0], "before"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(2.0), "two"))
    model.graph.node.append(helper.make_node("Mul", ["before", "two"], [answer]))
    onnx.save(model, tmp_path / "doubled.onnx")
    with pytest.raises(
        InputError, match="2 feature maps resemble those of yolox, whose decode gives other values"
    ):
        import_onnx(tmp_path / "doubled.onnx")
