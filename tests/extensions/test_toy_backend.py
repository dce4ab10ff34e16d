"""A backend outside edgecnn: one folder that no file of edgecnn knows of goes through a whole run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edgecnn.core.store.manifest import Artifact
from tests.conftest import picture
from tests.support.extensions import edgecnn, install, python

NETWORK = """
from torch import nn

def network(classes: int, in_channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(16, classes),
    )
"""
TARGET = """
description: A chain of layers in NumPy
format: toy
runtime: toy-numpy
"""
PIPELINE = """
name: toy
model: {{name: "python:mynet:network"}}
preprocessing: {{height: 24, width: 24, resize: squash}}
data: {{train: "{photos}", eval: "{photos}", calibration: {{count: 24}}}}
train: {{epochs: 12, batch_size: 12, optimizer: {{lr: 0.02}}}}
verification: {{images: 8}}
benchmark: {{seconds: 0.5, processes: 1}}
targets: [toy-fp32, toy-int8]
budgets: {{"*": {{size: 100 kB, accuracy_drop: 20 %}}}}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the distribution as an installer leaves it."""
    return install("toy_backend", tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: a network, targets, a pipeline and photos."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "mynet.py").write_text(NETWORK)
    (folder / "targets").mkdir()
    for precision in ("fp32", "int8"):
        text = f"{TARGET}precision: {precision}\n"
        (folder / "targets" / f"toy-{precision}.yaml").write_text(text)
    for label, name in enumerate(("bars", "disc", "slope")):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(12):
            image = Image.fromarray(picture(label, number, 24, 24))
            image.save(folder / "photos" / name / f"{number:02}.png")
    (folder / "toy.yaml").write_text(PIPELINE.format(photos=folder / "photos"))
    return folder


@pytest.fixture(scope="module")
def finished(installed: Path, folder: Path) -> dict[str, Any]:
    """The summary of the run."""
    done = edgecnn(folder, [installed], "run", "toy.yaml", "--out", "run", "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_run_lowers_quantizes_proves_and_measures(finished: dict[str, Any], folder: Path) -> None:
    assert {target["target"] for target in finished["targets"]} == {"toy-fp32", "toy-int8"}
    manifest = Artifact.open(folder / "run" / "artifacts" / "toy-int8").manifest
    assert manifest.precision == "int8", "read back from the file"
    assert manifest.inspection.ops == {
        "conv": 2, "relu": 2, "max_pool": 1, "mean": 1, "flatten": 1, "linear": 1,
    }  # fmt: skip
    assert manifest.inspection.float_op_names == ()
    assert [link.number for link in manifest.verification] == [1, 2, 3, 4]
    assert all(link.passed for link in manifest.verification)
    assert manifest.metrics is not None
    assert manifest.metrics.value > 0.8, "the network learned to tell the pictures apart"
    assert manifest.latency is not None
    assert manifest.latency.ratio > 0
    on_calibration: Any = manifest.quantization["on_calibration_images"]
    assert on_calibration["sqnr_db"] > 20
    sizes = {
        name: (folder / "run" / "artifacts" / f"toy-{name}" / "model.toy").stat().st_size
        for name in ("fp32", "int8")
    }
    assert sizes["int8"] < sizes["fp32"]
    assert "### toy-int8" in (folder / "run" / "summary.md").read_text()


def test_the_distribution_enters_the_keys_and_the_manifest(finished: dict[str, Any], folder: Path) -> None:
    manifest = Artifact.open(folder / "run" / "artifacts" / "toy-int8").manifest
    assert manifest.tools["toy-backend"] == "0.1"
    records = [json.loads(path.read_text()) for path in (folder / "home" / "store").rglob("stage.json")]
    stages = {record["stage"] for record in records if record["packages"].get("toy-backend") == "0.1"}
    assert stages == {"lower", "quantize", "inspect", "verify", "evaluate", "benchmark"}


@pytest.mark.slow
def test_another_version_of_the_distribution_makes_its_steps_anew(
    finished: dict[str, Any], installed: Path, folder: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    subprocess.run(["cp", "-r", str(installed), str(newer)], check=True)
    (info,) = newer.glob("toy_backend-*.dist-info")
    text = (info / "METADATA").read_text().replace("Version: 0.1", "Version: 0.2")
    (info / "METADATA").write_text(text)
    again = edgecnn(folder, [newer], "run", "toy.yaml", "--out", "again", "--json")
    assert again.returncode == 0, again.stderr
    made = {step["id"] for step in json.loads(again.stdout)["steps"] if step["status"] == "made"}
    assert "lower:toy" in made
    assert not {"train", "network", "prepare:train"} & made


def test_the_other_verbs_know_its_files(finished: dict[str, Any], installed: Path, folder: Path) -> None:
    model = "run/artifacts/toy-int8/model.toy"
    inspected = edgecnn(folder, [installed], "inspect", model, "--json")
    assert json.loads(inspected.stdout)["precision"] == "int8", inspected.stderr
    checked = edgecnn(folder, [installed], "check", "run")
    assert checked.returncode == 0, checked.stderr
    packed = edgecnn(folder, [installed], "package", "run", "--for", "raspberry-pi", "--out", "packages")
    assert packed.returncode == 2
    assert "no target that raspberry-pi can execute" in packed.stderr


def test_a_worker_of_another_environment_reaches_the_runtimes_folder_and_no_more(
    finished: dict[str, Any], installed: Path, folder: Path
) -> None:
    """The interpreter goes by another name, so the worker does not inherit our path."""
    here = Path(sys.executable)
    other = next(path for path in here.parent.glob("python3*") if path != here)
    script = (
        "import os; from pathlib import Path; from edgecnn.devices.local import LocalDevice\n"
        f"device = LocalDevice(python=Path({str(other)!r}))\n"
        "model = Path('run/artifacts/toy-int8/model.toy')\n"
        "with device.open('toy-numpy', model, log=Path('log')) as session:\n"
        "    print(session.description.runtime, session.description.outputs[0].shape)\n"
    )
    done = python(folder, [installed], "-c", script)
    assert done.stdout.strip() == "toy-numpy (1, 3)", done.stderr


def test_an_export_needs_no_training(installed: Path, folder: Path) -> None:
    done = edgecnn(
        folder,
        [installed],
        *("export", "python:mynet:network", "--target", "toy-int8", "--calibration", "photos"),
        *("--out", "exported", "--set", "benchmark=null"),
        *("--set", "preprocessing={height: 24, width: 24, resize: squash}"),
    )
    assert done.returncode == 0, done.stderr
    assert list((folder / "exported").rglob("model.toy"))


def test_a_damaged_file_is_refused(finished: dict[str, Any], installed: Path, folder: Path) -> None:
    whole = (folder / "run" / "artifacts" / "toy-int8" / "model.toy").read_bytes()
    (folder / "short.toy").write_bytes(whole[: len(whole) // 2])
    done = edgecnn(folder, [installed], "inspect", "short.toy")
    assert done.returncode == 2
    assert "short.toy is no toy file" in done.stderr


def test_without_the_distribution_its_names_are_unknown(folder: Path) -> None:
    done = edgecnn(folder, [], "run", "toy.yaml", "--out", "none")
    assert done.returncode == 2
    assert "format: no format is called 'toy'" in done.stderr
    assert "targets/toy-fp32.yaml:3" in done.stderr
