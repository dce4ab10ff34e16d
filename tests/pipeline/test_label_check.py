"""Datasets whose labels do not fit the network are refused before their images are decoded."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.pipeline.label_check import NETWORK_STEP, refuse_unfit_labels
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.planner.make import make_plan
from edgecnn.pipeline.reporter import SilentReporter
from edgecnn.pipeline.step import StepResult
from tests.support.tiny_steps import finished, outputs_of, record_again

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = """\
name: mine
model: {{name: "torchvision:squeezenet1_1"}}
data: {{eval: "{photos}", {more}}}
targets: [onnx-fp32]
"""
COUNTS = "the dataset has 3 classes, the network has 2"


def check(folder: Path, photos: Path, *, more: str = "limit: 100", **spec: Any) -> None:
    """Check the labels of photos for a network whose spec differs from that of a classifier of 2 classes."""
    file = folder / "mine.yaml"
    file.write_text(PIPELINE.format(photos=photos, more=more))
    plan = make_plan(load_pipeline(str(file)))
    results = finished(plan, folder / "steps")
    written = outputs_of(results, NETWORK_STEP) / "spec.json"
    written.write_text(json.dumps(json.loads(written.read_text()) | spec))
    (written.parent / "model.safetensors").touch()
    record_again(results, NETWORK_STEP)
    refuse_unfit_labels(plan, results)


def test_another_number_of_classes_is_refused(picture_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=COUNTS) as caught:
        check(tmp_path, picture_folder)
    assert caught.value.message.startswith(str(picture_folder)), "the dataset is named"
    assert "classes.txt" in str(caught.value.hint)


def test_the_number_of_classes_is_checked_where_bad_images_are_left_out(
    picture_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=COUNTS):
        check(tmp_path, picture_folder, more="bad_images: skip")


def test_labels_of_images_that_may_be_left_out_are_not_checked(picture_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(picture_folder / "disc", tmp_path / "disc")
    table = tmp_path / "labels.csv"
    table.write_text("path,label\ndisc/0.jpg,0\ndisc/1.jpg,7\n")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    check(tmp_path / "a", table, more="bad_images: skip")
    with pytest.raises(InputError, match=r"1\.jpg has label 7, but the network has 2 classes"):
        check(tmp_path / "b", table)


def test_labels_for_a_detector_are_refused(picture_folder: Path, tmp_path: Path) -> None:
    detector = {"kind": "detection", "settings": {}}
    with pytest.raises(InputError, match=r"the network is a detector|settings of the task"):
        check(tmp_path, picture_folder, task=detector)


def test_labels_that_fit_pass(picture_folder: Path, tmp_path: Path) -> None:
    check(tmp_path, picture_folder, classes=["bars", "disc", "slope"])


class Heard(SilentReporter):
    """Remembers the steps that were executed."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def finished(self, result: StepResult) -> None:
        if result.succeeded:
            self.made.append(result.step.id)


def test_an_export_ends_before_images_are_decoded(
    picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    heard = Heard()
    result = edgecnn.export(
        "torchvision:squeezenet1_1",
        "onnx-fp32",
        data=str(picture_folder),
        overrides=("model.pretrained=false",),
        out=tmp_path / "out",
        reporter=heard,
    )
    assert isinstance(result.error, InputError)
    assert "the dataset has 3 classes, the network has 1000" in result.error.message
    assert heard.made == ["network", "contract"]
