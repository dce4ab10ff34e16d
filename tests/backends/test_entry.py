"""The functions that stages call: errors in edgecnn's words, and each format's imports only."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import pytest

from edgecnn.backends import entry
from edgecnn.backends.entry import FormatFile, LowerRequest, QuantizeFileRequest, ReferenceFileRequest
from edgecnn.backends.format import QuantizeRequest
from edgecnn.core.errors import EdgecnnError, InputError, MissingDependency, UsageError
from edgecnn.data.prepared import PreparedSet
from tests.backends.conftest import AVX2, IMAGES, Make, in_child

FOREIGN = {
    "onnx": {"tensorflow", "openvino", "nncf", "litert_torch", "ai_edge_litert", "timm"},
    "tflite": {"tensorflow", "openvino", "nncf", "onnx", "timm"},
    "openvino": {"tensorflow", "litert_torch", "ai_edge_litert", "timm"},
}
"""Packages that a format has no business with."""

NNCF_TAKES = {"torch", "onnx", "onnxruntime"}
"""A module that NNCF imports if it is installed."""


def _quantize(name: str, model: Path, out: Path, how: QuantizeRequest) -> None:
    entry.quantize(QuantizeFileRequest(FormatFile(name, model), out, how))


@pytest.mark.parametrize("name", FOREIGN)
def test_each_step_imports_only_what_its_format_needs(name: str, lower: Make, quantize: Make) -> None:
    assert not lower(name).imported & FOREIGN[name]
    _, inspecting = in_child("inspect", FormatFile(name, lower(name).file))
    assert not inspecting & (FOREIGN[name] | {"torch"})
    quantizing = quantize(name).imported - (NNCF_TAKES if name == "openvino" else set())
    assert not quantizing & (FOREIGN[name] | {"torch"})


@pytest.mark.parametrize("name", FOREIGN)
def test_what_entry_functions_return_is_json(name: str, lower: Make, quantize: Make, tmp_path: Path) -> None:
    assert lower(name).value == lower(name).file.name
    json.dumps(quantize(name).value, allow_nan=False)
    file = FormatFile(name, quantize(name).file)
    json.dumps(entry.inspect(file).to_json(), allow_nan=False)
    assert entry.reference(ReferenceFileRequest(file, tmp_path)).startswith(("model.", "reference."))


@pytest.mark.parametrize("name", FOREIGN)
def test_notes_say_how_it_was_quantized(name: str, quantize: Make, calibration: Path) -> None:
    notes = quantize(name).value
    assert notes["calibration"] == {"images": IMAGES, "digest": PreparedSet.open(calibration).digest}
    assert notes["scheme"]
    assert notes["ranges"]["method"]
    assert all(version[0].isdigit() for version in notes["tools"].values())
    health = notes["on_calibration_images"]
    assert health["sqnr_db"] > 12, f"{name} int8 is far from float on its own calibration images"
    assert health["clipped"] == 0


@pytest.mark.parametrize("name", FOREIGN)
def test_int8_without_calibration_images_is_refused(name: str, lower: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="int8 needs calibration images") as caught:
        _quantize(name, lower(name).file, tmp_path, QuantizeRequest("int8", None, AVX2))
    assert "--calibration" in str(caught.value.hint)
    assert not list(tmp_path.iterdir()), "a refused request must leave no file"


@pytest.mark.parametrize("name", FOREIGN)
def test_an_unknown_option_is_refused(name: str, lower: Make, calibration: Path, tmp_path: Path) -> None:
    how = QuantizeRequest("int8", calibration, AVX2, {"extreems": 0.3})
    with pytest.raises(UsageError, match=f"{name} int8 has no option 'extreems'"):
        _quantize(name, lower(name).file, tmp_path, how)


@pytest.mark.parametrize("name", FOREIGN)
def test_an_unknown_instruction_set_is_refused(
    name: str, lower: Make, calibration: Path, tmp_path: Path
) -> None:
    if name == "tflite":
        pytest.skip("one TFLite file serves every instruction set")
    with pytest.raises(UsageError, match="no instruction set is called 'mips'"):
        _quantize(name, lower(name).file, tmp_path, QuantizeRequest("int8", calibration, "mips"))


@pytest.mark.parametrize("name", FOREIGN)
def test_a_quantized_file_is_not_quantized_again(
    name: str, quantize: Make, calibration: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="already"):
        _quantize(name, quantize(name).file, tmp_path, QuantizeRequest("int8", calibration, AVX2))


def test_an_unknown_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot quantize to 'int4'; there are fp16, int8"):
        _quantize("tflite", Path("model.tflite"), tmp_path, QuantizeRequest("int4", None, AVX2))


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no format is called 'coreml'"):
        entry.inspect(FormatFile("coreml", tmp_path / "model.mlmodel"))


def test_an_output_directory_that_cannot_be_made_is_named(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"file/out: Not a directory"):
        entry.lower(LowerRequest("onnx", checkpoint, tmp_path / "file" / "out"))


def test_a_missing_package_is_named_with_the_command(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "litert_torch", None)
    monkeypatch.delitem(sys.modules, "edgecnn.backends.tflite.lower", raising=False)
    with pytest.raises(MissingDependency, match=r"format tflite needs a package: .*litert_torch") as caught:
        entry.lower(LowerRequest("tflite", checkpoint, tmp_path))
    assert caught.value.hint == 'pip install "edgecnn[tflite]"'
    assert caught.value.exit_code == 5


def test_garbage_is_collected_as_before_once_a_format_is_done(tmp_path: Path) -> None:
    before = gc.get_threshold()
    with pytest.raises(EdgecnnError):
        entry.inspect(FormatFile("onnx", tmp_path / "none.onnx"))
    assert gc.get_threshold() == before
