"""A detector's packages: boxes on the photo, the same as from edgecnn's own runtime and decode."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.backends.worker.runtime import Options
from edgecnn.core.documents.package import PackageResult
from edgecnn.core.errors import InputError, MissingDependency
from edgecnn.core.store.manifest import Artifact
from edgecnn.ondevice.decode import decode
from edgecnn.ondevice.input_tensor import Feed
from edgecnn.ondevice.preprocess import geometry
from edgecnn.packaging.select_artifact import choose_artifact
from tests.conftest import picture
from tests.support import tiny_detector as tiny
from tests.support.archives import read_archive
from tests.support.runtimes import open_runtime
from tests.support.tiny_run import write_detector_artifact


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("detector")
    return write_detector_artifact(folder, ["cat", "dog"])


@pytest.fixture(scope="module")
def packaged(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> PackageResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(tmp_path_factory.mktemp("home")))
        out = tmp_path_factory.mktemp("out")
        result: PackageResult = edgecnn.package(artifact.directory, "raspberry-pi", out=out)
        return result


def test_the_wheel_finds_the_boxes_that_edgecnn_finds(
    artifact: Artifact, packaged: PackageResult, tmp_path: Path
) -> None:
    for name, data in read_archive(packaged.paths[0]).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    photo = Image.fromarray(picture(1, 3, 120, 200))
    photo.save(tmp_path / "photo.png")
    program = [sys.executable, "-m", "boxes", "photo.png", "--json"]
    finished = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)["detections"]
    runtime = open_runtime("litert", artifact.model, Options())
    info = runtime.describe()
    tensor = Feed(info.inputs[0], tiny.CONTRACT).fill(geometry(photo, tiny.CONTRACT)[None])
    outputs = [
        tensor_info.as_in_torch(tensor_info.dequantize(values))
        for tensor_info, values in zip(info.outputs, runtime.run([tensor]), strict=True)
    ]
    (wanted,) = decode(tiny.DETECTOR, outputs, tiny.CONTRACT, [(120, 200)])
    assert len(wanted) > 0
    assert [item["index"] for item in found] == wanted.classes.tolist()
    np.testing.assert_allclose([item["box"] for item in found], wanted.boxes, rtol=1e-6)
    assert {item["label"] for item in found} <= {"cat", "dog"}


def test_documents_say_detection(packaged: PackageResult) -> None:
    members = read_archive(packaged.paths[0])
    manifest = json.loads(members["boxes/manifest.json"])
    assert (manifest["task"], manifest["provenance"]["licences"]["model"]) == ("detection", "Apache-2.0")
    card = members["boxes/MODEL_CARD.md"].decode()
    assert "pipeline_tag: object-detection" in card
    assert "type: mean_average_precision" in card
    assert packaged.self_test.passed


def test_labels_that_do_not_match_the_scores(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 labels for 2 outputs"):
        choose_artifact(write_detector_artifact(tmp_path, ["a", "b", "c"]).directory, "raspberry-pi")


@pytest.mark.slow
def test_the_android_library(artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    try:
        made = edgecnn.package(artifact.directory, "android", out=tmp_path / "out")
    except MissingDependency as error:
        pytest.skip(f"{error}: {error.hint}")
    text = read_archive(made.paths[0])["assets/boxes/model.properties"].decode()
    lines = dict(line.split("=", 1) for line in text.splitlines())
    assert (lines["task"], lines["detector.boxes"], lines["output.1.layout"]) == ("detection", "ltrb", "NHWC")
    assert (lines["output.1.height"], lines["output.1.size"]) == ("4", "32")
