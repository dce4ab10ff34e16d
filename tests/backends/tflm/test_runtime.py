"""What the microcontrollers' interpreter refuses; ``worker/test_npu_runtimes.py`` compares its answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.backends.tflite.flatbuffer import read_model, write_model
from edgecnn.backends.tflm.runtime import TfliteMicro
from edgecnn.backends.worker.runtime import Options
from edgecnn.core.errors import InputError, UsageError
from tests.support import tiny_models as tiny
from tests.support.simulated import outputs


@pytest.fixture
def _tools(npu_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(npu_home))


@pytest.mark.usefixtures("_tools")
def test_microcontrollers_refuse_weights_that_they_would_not_find(tmp_path: Path) -> None:
    """The quantizer of larger networks leaves them behind the flatbuffer, and the interpreter reads zeros."""
    model = read_model(tiny.write_tflite(tmp_path / "net.tflite", quantized=True))
    for buffer in model.buffers:
        buffer.offset, buffer.size = 4096, 16
    write_model(model, tmp_path / "net.tflite")
    with pytest.raises(InputError, match="keeps weights behind its flatbuffer"):
        outputs("tflite-micro", tmp_path / "net.tflite", tmp_path / "log")


def test_it_has_no_settings(tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=True)
    with pytest.raises(UsageError, match="tflite-micro has no option fast"):
        TfliteMicro.open(model, Options(extra={"fast": "1"}))
