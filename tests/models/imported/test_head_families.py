"""Detectors of all families are recognized, cut at their raw maps, and decoded as their files do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from edgecnn.core.errors import UsageError
from edgecnn.models.imported.head_rows import decode_rows
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.imported.network import ImportedNetwork
from tests.support.detectors.exporting import FORMS, Form, export
from tests.support.detectors.network import pictures
from tests.support.detectors.registry import FAMILIES
from tests.support.tasks import detector_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.detectors.family import Family

RECOGNIZED = {
    "yolov8": ("dfl", 16, 0.5),
    "yolov8, 80 classes": ("dfl", 16, 0.5),
    "yolov8, older export": ("dfl", 16, 0.5),
    "yolov8, 1 class": ("dfl", 16, 0.5),
    "yolov9": ("dfl", 16, 0.5),
    "yolov10, one-to-many": ("dfl", 16, 0.5),
    "yolov10": ("dfl", 16, 0.5),
    "yolo11": ("dfl", 16, 0.5),
    "yolo12": ("dfl", 16, 0.5),
    "yolo26, one-to-many": ("ltrb-signed", 1, 0.5),
    "yolo26": ("ltrb-signed", 1, 0.5),
    "yolov6": ("ltrb-signed", 1, 0.5),
    "yolov6, distribution": ("dfl", 17, 0.5),
    "yolo-nas": ("dfl", 17, 0.5),
    "ppyoloe": ("dfl", 17, 0.5),
    "damo-yolo": ("dfl", 17, 0.0),
    "rtmdet": ("ltrb-signed", 1, 0.0),
    "rtmdet, exponential": ("ltrb-exp", 1, 0.0),
    "nanodet": ("dfl", 8, 0.5),
    "nanodet, two convolutions": ("dfl", 8, 0.5),
    "nanodet-plus": ("dfl", 8, 0.0),
    "picodet": ("dfl", 8, 0.5),
    "picodet, maps": ("dfl", 8, 0.5),
    "picodet, aligned scores": ("dfl", 8, 0.5),
    "yolov3": ("anchors-v3", 1, 0.0),
    "yolov3-tiny": ("anchors-v3", 1, 0.0),
    "yolov4": ("anchors-v3", 1, 0.0),
    "yolov5": ("anchors-v5", 1, 0.0),
    "yolov5, 80 classes": ("anchors-v5", 1, 0.0),
    "yolov5, 1 class, older export": ("anchors-v5", 1, 0.0),
    "yolov5, with maps": ("anchors-v5", 1, 0.0),
    "yolov5, P6": ("anchors-v5", 1, 0.0),
    "yolov7": ("anchors-v5", 1, 0.0),
    "yolov7, scaled convolutions": ("anchors-v5", 1, 0.0),
    "yolox": ("yolox", 1, 0.0),
    "yolox, decoded": ("yolox", 1, 0.0),
    "yolox, 1 class": ("yolox", 1, 0.0),
}
"""Coding of boxes, bins and offset of the grid."""

QUICK = (
    "yolov8",
    "yolov5",
    "yolov10",
    "yolo26",
    "nanodet",
    "ppyoloe",
    "rtmdet, exponential",
    "picodet, aligned scores",
)


def check(family: Family, file: Path) -> None:
    """Import a file, run the network, and compare its decoded boxes with those of the formulas."""
    found = import_onnx(file)
    detector = detector_of(found)
    assert (detector.boxes, detector.bins, detector.grid_offset) == RECOGNIZED[family.name]
    network = ImportedNetwork(found.graph).eval()
    network.load_state_dict(found.state)
    images = torch.from_numpy(pictures(1, family.size, seed=5) * np.float32(family.white))
    with torch.inference_mode():
        outputs = [part.numpy()[0] for part in network(images)]
        truth = family.truth([part.numpy() for part in family.net(decoded=False)(images)])
    boxes, scores = decode_rows(detector, outputs, found.contract)
    assert scores.shape[1] == found.classes == truth.scores.shape[1]
    # Levels and anchors may come in another order than in the file.
    np.testing.assert_allclose(np.sort(scores, axis=0), np.sort(truth.scores, axis=0), atol=1e-4)
    np.testing.assert_allclose(np.sort(boxes, axis=0), np.sort(truth.boxes, axis=0), atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in RECOGNIZED],
)
def test_a_file_becomes_a_detector(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    check(family, export(family, tmp_path / "net.onnx"))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("name", ["yolov8", "yolov10", "nanodet-plus"])
def test_every_form_of_a_file_is_recognized(name: str, form: Form, tmp_path: Path) -> None:
    family = FAMILIES[name]
    check(family, export(family, tmp_path / "net.onnx", form))


def test_a_file_s_own_names_are_those_of_the_classes(tmp_path: Path) -> None:
    family = FAMILIES["yolov8"]
    found = import_onnx(export(family, tmp_path / "net.onnx"))
    assert found.names == ("person", "bicycle", "car", "dog", "chair")
    assert (found.contract.resize, found.contract.pad_value, found.contract.color) == (
        "letterbox",
        114,
        "rgb",
    )
    assert set(found.contract.std) == {255.0}


def test_boxes_that_several_families_code_so_need_the_user_s_word(tmp_path: Path) -> None:
    file = export(FAMILIES["rtmdet, maps only"], tmp_path / "net.onnx")
    assert import_onnx(file).task.kind == "classification", "maps may be anything"
    found = detector_of(import_onnx(file, family="rtmdet"))
    assert (found.boxes, found.grid_offset) == ("ltrb-signed", 0.0)
    with pytest.raises(UsageError, match="unknown family of detectors 'rtmdat'") as caught:
        import_onnx(file, family="rtmdat")
    assert "rtmdet" in str(caught.value.hint)


def test_an_imported_file_of_one_to_one_heads_needs_no_suppression(tmp_path: Path) -> None:
    found = detector_of(import_onnx(export(FAMILIES["yolo26"], tmp_path / "net.onnx")))
    assert (found.iou_threshold, found.max_detections) == (1.0, 300)
