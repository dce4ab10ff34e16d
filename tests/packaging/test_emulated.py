"""The wheel, installed and self-tested on emulated Raspberry Pis: other processors, Pythons and libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import edgecnn
from edgecnn.core.documents.package import PackageResult
from edgecnn.devices.qemu import EmulatedDevice
from tests.conftest import picture
from tests.support.tiny_run import write_detector_artifact

# Bookworm with Python 3.11, Trixie with 3.13, and 32-bit Bookworm, whose numpy, Pillow and runtime are older.
DEVICES = {"raspberry-pi-4": "litert", "raspberry-pi-5": "litert", "raspberry-pi-2": "tflite-runtime"}


def install(result: PackageResult, folder: Path) -> Path:
    """Let pip unpack the wheel; what it needs is the device's."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", str(folder), str(result.paths[0])], check=True)
    return folder


def self_test(result: PackageResult, device: str, folder: Path) -> dict[str, Any]:
    """Run the package's own self-test on a device."""
    program = ("-m", result.name, "--self-test", "--json")
    site = install(result, folder / "site")
    text = EmulatedDevice(device).run(program, log=folder / "log", timeout_s=300, packages=site)
    return dict(json.loads(text.strip().splitlines()[-1]))


@pytest.mark.parametrize("device", DEVICES)
def test_the_self_test_passes(
    emulated: Path,
    raspberry: PackageResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(emulated))
    found = self_test(raspberry, device, tmp_path)
    assert found["runtime"].startswith(DEVICES[device])
    assert found["passed"], found["problems"]
    assert found["preprocessing_equal"] == found["same_best"] == found["pictures"] == 4
    if DEVICES[device] == "litert":
        assert found["reference_equal"] == 4, "integer arithmetic is the same on every processor"


@pytest.mark.slow
def test_a_photo_gets_the_same_answer_as_here(
    emulated: Path, raspberry: PackageResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(emulated))
    site = install(raspberry, tmp_path / "site")
    photo = tmp_path / "photo.png"
    Image.fromarray(picture(1, 0, 300, 400)).save(photo)
    program = ("-m", "tiny", str(photo), "--json", "--top", "1")
    here = subprocess.run(
        [sys.executable, *program], env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True
    )
    wanted = json.loads(here.stdout)["classes"][0]["label"]
    for device in ("raspberry-pi-4", "raspberry-pi-2"):
        text = EmulatedDevice(device).run(program, log=tmp_path / "log", timeout_s=300, packages=site)
        assert json.loads(text.strip().splitlines()[-1])["classes"][0]["label"] == wanted


@pytest.mark.slow
@pytest.mark.parametrize("device", ["raspberry-pi-5", "raspberry-pi-2"])
def test_a_detector_finds_the_boxes_that_it_finds_here(
    emulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(emulated))
    artifact = write_detector_artifact(tmp_path, ["cat", "dog"])
    found = self_test(
        edgecnn.package(artifact.directory, "raspberry-pi", out=tmp_path / "out"), device, tmp_path
    )
    assert found["passed"], found["problems"]
    assert found["same_best"] == found["pictures"] == 4


@pytest.mark.slow
def test_the_onnx_variant_and_a_runtime_that_is_not_there(
    emulated: Path, raspberry_onnx: PackageResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgecnn.core.errors import WorkerError

    monkeypatch.setenv("EDGECNN_HOME", str(emulated))
    site = install(raspberry_onnx, tmp_path / "site")
    program = ("-m", "tiny", "--self-test", "--json")
    text = EmulatedDevice("raspberry-pi-5").run(program, log=tmp_path / "log", timeout_s=300, packages=site)
    assert json.loads(text.strip().splitlines()[-1])["passed"]
    with pytest.raises(WorkerError, match="onnxruntime is not installed"):
        EmulatedDevice("raspberry-pi-2").run(program, log=tmp_path / "log", timeout_s=300, packages=site)
