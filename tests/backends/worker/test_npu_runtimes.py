"""TOSA and TFLite-Micro in their own environments, on networks whose answer is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgecnn.backends.tflite.flatbuffer import read_model, write_model
from edgecnn.core.errors import InputError, MissingDependency, UsageError
from edgecnn.devices.local import LocalDevice
from tests.support import tiny_models as tiny
from tests.support.tflite_surgery import write_nearest

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.worker.runtime import Execution
    from edgecnn.ondevice.tensor import Array

SIMULATORS = ("tosa", "tflite-micro")


@pytest.fixture
def _tools(npu_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(npu_home))


def outputs(runtime: str, model: Path, log: Path, execution: Execution = "shipping") -> list[Array]:
    generator = np.random.default_rng(1)
    inputs = [generator.integers(-128, 128, (1, 8, 8, 3), np.int8) for _ in range(6)]
    with LocalDevice().open(runtime, model, log=log, execution=execution) as session:
        return [session.run([item])[0] for item in inputs]


@pytest.mark.usefixtures("_tools")
@pytest.mark.parametrize("runtime", SIMULATORS)
def test_the_same_bits_as_the_reference_kernels(runtime: str, tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=True)
    truth = outputs("litert", model, tmp_path / "log", "reference")
    for mine, theirs in zip(outputs(runtime, model, tmp_path / "log"), truth, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.usefixtures("_tools")
@pytest.mark.parametrize("runtime", SIMULATORS)
def test_description_is_read_back(runtime: str, tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=True)
    with LocalDevice().open(runtime, model, log=tmp_path / "log") as session:
        told = session.description
    assert told.runtime == runtime
    assert (told.inputs[0].dtype, told.inputs[0].shape) == ("int8", (1, 8, 8, 3))
    assert told.inputs[0].scale == pytest.approx(tiny.INPUT_SCALE)
    assert told.outputs[0].zero_point == tiny.OUTPUT_ZERO
    if runtime == "tflite-micro":
        memory = told.memory_bytes
        assert memory["arena"] == memory["arena_head"] + memory["arena_tail"] > 192, "the image alone has 192"


@pytest.mark.usefixtures("_tools")
@pytest.mark.parametrize("runtime", SIMULATORS)
def test_what_is_no_tflite_is_refused(runtime: str, tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(b"not a model" * 100)
    with pytest.raises(InputError, match="is not a TFLite file"):
        outputs(runtime, tmp_path / "net.tflite", tmp_path / "log")


@pytest.mark.usefixtures("_tools")
def test_tosa_refuses_float(tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=False)
    with pytest.raises(InputError, match="'input' is float32; an NPU takes and gives int8"):
        outputs("tosa", model, tmp_path / "log")


@pytest.mark.usefixtures("_tools")
def test_tosa_refuses_nearest_resize_that_it_would_get_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nearest resize without half-pixel centres"):
        outputs("tosa", write_nearest(tmp_path / "a.tflite", half_pixel_centers=False), tmp_path / "log")
    assert outputs("tosa", write_nearest(tmp_path / "b.tflite", half_pixel_centers=True), tmp_path / "log")


@pytest.mark.usefixtures("_tools")
def test_microcontrollers_refuse_weights_that_they_would_not_find(tmp_path: Path) -> None:
    """The quantizer of larger networks leaves them behind the flatbuffer, and the interpreter reads zeros."""
    model = read_model(tiny.write_tflite(tmp_path / "net.tflite", quantized=True))
    for buffer in model.buffers:
        buffer.offset, buffer.size = 4096, 16
    write_model(model, tmp_path / "net.tflite")
    with pytest.raises(InputError, match="keeps weights behind its flatbuffer"):
        outputs("tflite-micro", tmp_path / "net.tflite", tmp_path / "log")


@pytest.mark.usefixtures("_tools")
@pytest.mark.parametrize("runtime", SIMULATORS)
def test_unknown_settings_are_refused(runtime: str, tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=True)
    with pytest.raises(UsageError, match=f"{runtime} has no option fast"):
        LocalDevice().open(runtime, model, log=tmp_path / "log", extra={"fast": "1"})


def test_without_their_toolchains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path))
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=True)
    for runtime, toolchain in (("tosa", "tosa"), ("tflite-micro", "tflm")):
        with pytest.raises(MissingDependency, match=f"'{toolchain}' is not installed") as caught:
            LocalDevice().open(runtime, model, log=tmp_path / "log")
        assert caught.value.hint == f"edgecnn toolchain install {toolchain}"
