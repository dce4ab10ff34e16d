"""Emulated Raspberry Pis: what is said without them, and, in `make test-all`, the real ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.config.toolchain import load_toolchain
from edgecnn.core.errors import InputError, MissingDependency, UsageError
from edgecnn.core.toolchains import emulation
from edgecnn.core.toolchains.environment import Environment
from edgecnn.core.toolchains.install import install
from edgecnn.devices.qemu import EmulatedDevice
from edgecnn.pipeline.stages.count import CountParameters
from tests.support import tiny_models as tiny
from tests.support.tiny_run import write_artifact


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_without_the_toolchain_the_command_is_named(empty_home: Path, tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "tflite-int8")
    with pytest.raises(MissingDependency, match="'arm-emulation' is not installed") as caught:
        edgecnn.count(artifact.directory)
    assert caught.value.hint == "edgecnn toolchain install arm-emulation"


def test_a_device_that_is_not_emulated_is_refused(empty_home: Path, tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "tflite-int8")
    with pytest.raises(UsageError, match="no emulated device is called 'raspberry-pi-9'"):
        edgecnn.count(artifact.directory, ["raspberry-pi-9"])
    with pytest.raises(UsageError, match="is emulated"):
        edgecnn.bench([artifact.directory], device="qemu:raspberry-pi-5")
    with pytest.raises(UsageError, match="instructions of openvino cannot be counted"):
        CountParameters("openvino", "openvino", ["raspberry-pi-4"])
    with pytest.raises(InputError, match="is not an artifact"):
        edgecnn.count(tmp_path)


def test_missing_programs_are_named_for_who_is_not_root(
    empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MissingDependency, match="needs gcc, mmdebstrap, qemu-user") as caught:
        install(emulation.NAME)
    assert (caught.value.hint or "").startswith("sudo apt-get install")
    assert not Environment.of(emulation.NAME).installed


def test_without_valgrind_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = write_artifact(tmp_path / "a", "tflite-int8")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="no program valgrind"):
        edgecnn.count(artifact.directory, ["x86"])


def test_the_toolchain_pins_every_package_and_every_device() -> None:
    found = load_toolchain(emulation.NAME)
    assert found.emulation is not None
    assert {name: device.cpu for name, device in found.emulation.devices.items()} == {
        "raspberry-pi-2": "cortex-a7",
        "raspberry-pi-4": "cortex-a72",
        "raspberry-pi-5": "cortex-a76",
    }
    assert {"numpy", "ai-edge-litert", "onnxruntime"} <= found.requirements.keys()
    assert found.every_requirement["tflite-runtime"] == "2.14.0"


@pytest.mark.slow
def test_counts_repeat_and_the_dot_product_saves_instructions(
    emulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(emulated))
    model = tiny.write_tflite(tmp_path / "model.tflite", quantized=True)
    counts = [
        EmulatedDevice("raspberry-pi-5").count("litert", model, log=tmp_path / "log").median for _ in range(2)
    ]
    assert abs(counts[0] - counts[1]) <= 0.001 * counts[0], counts
    older = EmulatedDevice("raspberry-pi-4").count("litert", model, log=tmp_path / "log")
    assert older.median > 0
    assert older.tool.startswith("qemu-aarch64 version")


@pytest.mark.slow
def test_an_emulated_device_computes_what_this_machine_does(
    emulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    from edgecnn.devices.local import LocalDevice

    monkeypatch.setenv("EDGECNN_HOME", str(emulated))
    model = tiny.write_tflite(tmp_path / "model.tflite", quantized=True)
    picture = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 3), np.int8)
    outputs = []
    for device in (LocalDevice(), EmulatedDevice("raspberry-pi-4"), EmulatedDevice("raspberry-pi-5")):
        with device.open("litert", model, log=tmp_path / "log") as session:
            outputs.append(session.run([picture])[0])
    np.testing.assert_array_equal(outputs[1], outputs[0])
    np.testing.assert_array_equal(outputs[2], outputs[0])
    pi = EmulatedDevice("raspberry-pi-5")
    assert pi.host().isa == "arm64-dotprod"
    text = pi.run(("-c", "import platform; print(platform.machine())"), log=tmp_path / "log", timeout_s=120)
    assert text.strip() == "aarch64"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind: apt-get install valgrind")
def test_x86_instructions_are_counted_by_valgrind(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "tflite-int8")
    (found,) = edgecnn.count(artifact.directory, ["x86"]).counts
    assert found.median > 1000
    assert found.tool.startswith("valgrind")
