"""Emulated Raspberry Pis: what is said without them, and, in `make test-all`, the real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.config.toolchain import load_toolchain
from edgecnn.core.errors import InputError, MissingDependency, UsageError
from edgecnn.core.toolchains import emulation
from edgecnn.core.toolchains.environment import Environment
from edgecnn.core.toolchains.install import install
from edgecnn.devices.qemu import EmulatedDevice
from edgecnn.pipeline.regression_rows import count_tolerance
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


def home_of(folder: Path, emulated: Path) -> Path:
    """Make another home with the files of an emulated home, without byte code."""
    toolchain = folder / "toolchains" / emulation.NAME
    shutil.copytree(
        emulated / "toolchains" / emulation.NAME,
        toolchain,
        symlinks=True,
        copy_function=os.link,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return folder


def count_as(home: Path, model: Path, folder: Path, device: str, **variables: str) -> int:
    """Count in a process of another user's environment, started in another folder."""
    program = (
        "import sys; from pathlib import Path; from edgecnn.devices.qemu import EmulatedDevice\n"
        "device, model, log = sys.argv[1:]\n"
        "print(EmulatedDevice(device).count('litert', Path(model), log=Path(log)).median)"
    )
    path = str(Path(edgecnn.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program, device, str(model), str(folder / "log")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path, "EDGECNN_HOME": str(home), **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("device", ["raspberry-pi-4", "raspberry-pi-5"])
def test_a_count_is_equal_in_every_home_at_every_start_and_for_every_user(
    emulated: Path, tmp_path: Path, device: str
) -> None:
    model = tiny.write_tflite(tmp_path / "model.tflite", quantized=True)
    other = home_of(tmp_path / "a home with a much longer name" / "than the usual one", emulated)
    short = home_of(tmp_path / "h", emulated)
    far = tmp_path / "another" / "folder" / "of" / "models"
    far.mkdir(parents=True)
    moved = Path(shutil.copy(model, far / model.name))
    counts = [
        count_as(emulated, model, tmp_path, device),
        count_as(other, model, far, device, USER="someone", HOME=str(other), LANG="de_DE.UTF-8"),
        count_as(other, moved, tmp_path, device, MANY="x" * 5000, PYTHONHASHSEED="7", TMPDIR=str(far)),
        count_as(short, moved, far, device, LC_ALL="C", TZ="Asia/Tokyo", OMP_NUM_THREADS="2"),
    ]
    assert len(set(counts)) == 1, counts
    assert counts[0] > 0


@pytest.mark.slow
def test_a_count_of_onnx_runtime_is_within_the_tolerance_of_the_gate(
    emulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own memory follows the order of files in folders, which differs from disk to disk."""
    model = tiny.write_onnx(tmp_path / "model.onnx")
    counts = []
    for home in (emulated, home_of(tmp_path / "copied", emulated)):
        monkeypatch.setenv("EDGECNN_HOME", str(home))
        found = EmulatedDevice("raspberry-pi-5").count("onnxruntime", model, log=tmp_path / "log")
        assert found.tool.startswith("qemu-aarch64 version")
        counts.append(found.median)
    assert abs(counts[0] - counts[1]) <= count_tolerance(counts[0]), counts


@pytest.mark.slow
def test_the_dot_product_saves_instructions(
    emulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(emulated))
    model = tiny.write_tflite(tmp_path / "model.tflite", quantized=True)
    newer, older = (
        EmulatedDevice(name).count("litert", model, log=tmp_path / "log").median
        for name in ("raspberry-pi-5", "raspberry-pi-4")
    )
    assert 0 < newer < older


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
