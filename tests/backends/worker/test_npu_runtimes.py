"""TOSA and TFLite-Micro in their own environments, on networks whose answer is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgecnn.core.errors import InputError, MissingDependency, UsageError
from edgecnn.devices.local import LocalDevice
from tests.support import tiny_models as tiny
from tests.support.simulated import outputs

if TYPE_CHECKING:
    from pathlib import Path


SIMULATORS = ("tosa", "tflite-micro")


@pytest.fixture
def _tools(npu_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(npu_home))


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
