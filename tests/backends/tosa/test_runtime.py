"""What the TOSA reference model refuses; ``worker/test_npu_runtimes.py`` compares its answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.backends.tosa.runtime import TosaModel
from edgecnn.backends.worker.runtime import Options
from edgecnn.core.errors import InputError, UsageError
from tests.support import tiny_models as tiny
from tests.support.simulated import outputs
from tests.support.tflite_surgery import write_nearest


@pytest.fixture
def _tools(npu_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(npu_home))


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


def test_it_has_no_settings(tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=True)
    with pytest.raises(UsageError, match="tosa has no option fast"):
        TosaModel.open(model, Options(extra={"fast": "1"}))
