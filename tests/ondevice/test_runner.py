from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from edgecnn.ondevice.failure import DeviceError, RuntimeUnavailable
from edgecnn.ondevice.runner import open_runner


def test_the_first_runtime_that_is_installed_is_taken(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_runtime", None)
    runner = open_runner(bundle / "model.tflite", ("tflite-runtime", "litert"))
    assert runner.name == "litert"


def test_no_runtime_is_a_message_with_the_command(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("tflite_runtime", "ai_edge_litert"):
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.setitem(sys.modules, f"{module}.interpreter", None)
    with pytest.raises(RuntimeUnavailable, match="litert is not installed: pip install ai-edge-litert;"):
        open_runner(bundle / "model.tflite", ("litert", "tflite-runtime"))
    with pytest.raises(RuntimeUnavailable, match="no runtime is called 'coral'"):
        open_runner(bundle / "model.tflite", ("coral",))


def test_a_runtime_of_another_processor_is_told(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loader's error for a library of another machine."""
    package = tmp_path / "tflite_runtime"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "interpreter.py").write_text('import ctypes\nctypes.CDLL("%s")\n' % (tmp_path / "wrong.so"))
    (tmp_path / "wrong.so").write_bytes(b"\x7fELF\x01\x01\x01" + bytes(60))
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("tflite_runtime", "tflite_runtime.interpreter"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(RuntimeUnavailable, match="tflite-runtime does not work on this device"):
        open_runner(bundle / "model.tflite", ("tflite-runtime",))


def test_a_processor_that_no_runtime_is_built_for(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "armv6l")
    with pytest.raises(RuntimeUnavailable, match="this device's processor is armv6l") as caught:
        open_runner(bundle / "model.tflite", ("litert",))
    assert isinstance(caught.value, DeviceError)
    assert caught.value.exit_code == 5
