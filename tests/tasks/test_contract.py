"""Every built-in task, on a tiny network, from training to the prediction of its package."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.store.manifest import Artifact
from edgecnn.pipeline.run import RunResult
from edgecnn.tasks.registry import BUILT_IN, task_of
from tests.support import boxes_data
from tests.support.android import prove_library
from tests.support.extensions import python
from tests.support.shapes import write_shapes

TARGETS = ("tflite-fp16", "onnx-fp32", "openvino-fp16")
PIPELINES = {
    "classification": """\
model: {name: "zoo:mobilenetv2", arguments: {width: 0.25, head: 64, dropout: 0.0}}
preprocessing: {height: 32, width: 32, resize: squash}
data: {train: "PHOTOS", eval: "PHOTOS", calibration: {count: 12}}
train: {epochs: 4, batch_size: 12, batch_norm_momentum: 0.3, optimizer: {lr: 0.01}}
""",
    "detection": """\
model: {name: "zoo:yolo-nano", arguments: {width: 0.25}}
preprocessing: {height: 64, width: 64}
data: {root: "PHOTOS", calibration: {count: 12}}
train: {epochs: 3, batch_size: 12, batch_norm_momentum: 0.2, optimizer: {lr: 0.004}}
""",
}
# A few epochs leave the coarsest maps of a detector so flat that float16 rounds their changes away.
VERIFICATION = "{verification: {quantization_map_sqnr_db: 0}}"
REST = f"""\
verification: {{images: 4}}
benchmark: null
targets: {{{", ".join(f"{target}: {VERIFICATION}" for target in TARGETS)}}}
"""
KEYS = {"classification": "classes", "detection": "detections"}


@dataclass(frozen=True)
class Finished:
    """A task's run."""

    kind: str
    home: Path
    photo: Path
    result: RunResult

    def artifact(self, target: str) -> Path:
        """Return an artifact, whether its accuracy was enough to ship or not."""
        folders = [self.result.directory / place / target for place in ("artifacts", "rejected")]
        found = [folder for folder in folders if folder.is_dir()]
        made = {each.target: each.error for each in self.result.targets}
        assert found, f"{target} was not made: {made[target]}"
        return found[0]


RUN_ELSEWHERE = {"classification"}
"""Tasks that ``tests/ui/api`` takes through a whole run, and ``tests/packaging`` through every package."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(kind, marks=[pytest.mark.slow] if kind in RUN_ELSEWHERE else [])
        for kind in sorted(BUILT_IN)
    ],
)
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    kind, folder = str(request.param), tmp_path_factory.mktemp(str(request.param))
    assert kind in PIPELINES, f"the contract test has no tiny network for the task {kind!r}"
    write = {"classification": write_shapes, "detection": boxes_data.write_voc}[kind]
    photos = write(folder / "photos", 36)
    text = f"name: tiny\n{PIPELINES[kind].replace('PHOTOS', str(photos))}{REST}"
    (folder / "tiny.yaml").write_text(text, encoding="utf-8")
    photo = next(path for path in sorted(photos.rglob("*")) if path.suffix in {".png", ".jpg"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(folder / "home"))
        result = edgecnn.run(str(folder / "tiny.yaml"), out=folder / "out")
    return Finished(kind, folder / "home", photo, result)


def test_it_is_trained_exported_to_three_formats_and_verified(finished: Finished) -> None:
    for target in TARGETS:
        manifest = Artifact.open(finished.artifact(target)).manifest
        assert manifest.task.kind == finished.kind
        task = task_of(manifest.task)
        numbers = [link.number for link in manifest.verification]
        assert {1, 4} <= set(numbers), f"{target}: links {numbers}"
        broken = [link.number for link in manifest.verification if not link.passed]
        assert not set(broken) - {4}, f"{target}: links {broken} are broken"
        assert manifest.metrics is not None, f"{target}: the task metric was not measured"
        assert manifest.metrics.metric == task.metrics[0].name


def test_its_report_has_the_metric(finished: Finished) -> None:
    manifest = Artifact.open(finished.artifact("onnx-fp32")).manifest
    title = task_of(manifest.task).metrics[0].label
    assert f"| {title} |" in (finished.result.directory / "summary.md").read_text(encoding="utf-8")


def test_its_wheel_proves_itself(finished: Finished, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(finished.home))
        made = edgecnn.package(finished.artifact("tflite-fp16"), "raspberry-pi", out=tmp_path)
    assert made.self_test.passed, made.self_test


@pytest.mark.skipif(shutil.which("javac") is None, reason="javac is not installed")
def test_its_android_library_proves_itself(finished: Finished, tmp_path: Path) -> None:
    found = prove_library(finished.artifact("tflite-fp16"), tmp_path)
    assert found.passed, found


def test_the_package_predicts(finished: Finished, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(finished.home))
        edgecnn.package(finished.artifact("onnx-fp32"), "raspberry-pi", out=tmp_path, name="tiny")
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "device")
    photo = str(finished.photo)
    found = python(tmp_path, [tmp_path / "device"], "-m", "tiny", photo, "--json")
    assert found.returncode == 0, found.stderr
    assert KEYS[finished.kind] in json.loads(found.stdout)
