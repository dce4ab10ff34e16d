from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from edgecnn.ondevice.failure import DamagedPackage, DeviceError, RuntimeUnavailable
from edgecnn.ondevice.runner import open_runner
from tests.support import tiny_models


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


_THREADS = """\
import os, sys
from pathlib import Path
import numpy
from edgecnn.ondevice.runner import open_runner
before = len(os.listdir("/proc/self/task"))
open_runner(Path(sys.argv[1]), ("onnxruntime",))
print(len(os.listdir("/proc/self/task")) - before, os.environ["ORT_DISABLE_TELEMETRY"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.parametrize("chosen", [None, "0"])
def test_telemetry_does_not_run(tmp_path: Path, chosen: str | None) -> None:
    """ONNX Runtime's telemetry is a thread, and none runs unless the user has set the variable.

    Whether there is a thread when the user asks for telemetry is up to ONNX Runtime (it may end at once
    where no network is), so only the variable is checked then.
    """
    model = tiny_models.write_onnx(tmp_path / "model.onnx")
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    if chosen is not None:
        environment["ORT_DISABLE_TELEMETRY"] = chosen
    finished = subprocess.run(
        [sys.executable, "-c", _THREADS, str(model)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    threads, variable = finished.stdout.split()
    assert variable == (chosen or "1"), "a value that the user has set is kept"
    if chosen is None:
        assert int(threads) == 0, "the telemetry thread runs although the package switches it off"


def test_telemetry_is_off_in_a_library_that_was_imported_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: calls.append("off"))
    open_runner(tiny_models.write_onnx(tmp_path / "model.onnx"), ("onnxruntime",))
    assert calls == ["off"]


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08", None])
def test_what_onnx_runtime_refuses_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    model = tmp_path / "model.onnx"
    if content is not None:
        model.write_bytes(content)
    with pytest.raises(DamagedPackage, match=r"model\.onnx cannot be opened by onnxruntime") as caught:
        open_runner(model, ("onnxruntime",))
    assert "\n" not in str(caught.value)


def test_a_name_that_is_not_utf_8_is_one_line(tmp_path: Path) -> None:
    """The library's own message then cannot be decoded."""
    model = tiny_models.write_onnx(tmp_path / "model.onnx")
    model.write_bytes(model.read_bytes().replace(b"weights", b"w\xffights", 1))
    with pytest.raises(DamagedPackage, match=r"model\.onnx cannot be opened by onnxruntime"):
        open_runner(model, ("onnxruntime",))
