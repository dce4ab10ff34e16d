"""What formats return is checked: a wrong result is one line with the names of package and method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgecnn.backends.format import StoredWeight
from edgecnn.backends.format_results import (
    checked_file,
    checked_inspection,
    checked_result,
    checked_weights,
)
from edgecnn.core.documents.inspection import Inspection
from edgecnn.core.documents.quantization import QuantizationNotes
from edgecnn.core.errors import UsageError
from edgecnn.ondevice.tensor import TensorInfo

INFO = TensorInfo("x", (1, 2), "float32")
FAILED = "^format onnx of edgecnn failed:"


def inspection(**changed: Any) -> Inspection:
    good: dict[str, Any] = {
        "format": "onnx",
        "precision": "int8",
        "ops": {"Conv": 2},
        "float_op_names": (),
        "transposes": 0,
        "inputs": (INFO,),
        "outputs": (INFO,),
        "parameters": 7,
        "size_bytes": 5,
    }
    return Inspection.model_construct(**(good | changed))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(b"model")
    return tmp_path / "model.onnx"


def test_right_results_are_passed_on(model: Path) -> None:
    assert checked_file("onnx", "lower", model, model.parent) == model
    assert checked_inspection("onnx", inspection(integer_macs=0.5), model).integer_macs == 0.5
    assert checked_weights("onnx", [StoredWeight("w", "int8", (2,), 2)])[0].name == "w"


@pytest.mark.parametrize("name", ["", "other.onnx", "../model.onnx", "missing/model.onnx"])
def test_another_file_than_the_formats_is_refused(name: str, model: Path) -> None:
    out = model.parent / "out"
    out.mkdir()
    file = out / name if name else str(model)
    with pytest.raises(UsageError, match=f"{FAILED} lower returned"):
        checked_file("onnx", "lower", file, out)


def test_a_file_that_was_not_written_or_is_empty_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    for _ in range(2):
        with pytest.raises(UsageError, match=f"{FAILED} quantize returned and .+ is empty"):
            checked_file("onnx", "quantize", file, tmp_path)
        file.touch()


def test_a_file_for_reference_execution_may_have_another_name(tmp_path: Path) -> None:
    (tmp_path / "plain.onnx").write_bytes(b"model")
    file = tmp_path / "plain.onnx"
    assert checked_file("onnx", "reference", file, tmp_path) == file
    with pytest.raises(UsageError, match=f"{FAILED} reference returned"):
        checked_file("onnx", "reference", file, tmp_path / "out")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"format": "tflite"}, "format 'tflite' for a file of format 'onnx'"),
        ({"precision": "int9"}, "precision 'int9'; there are fp32, fp16, int8, mixed"),
        ({"size_bytes": 4}, "size_bytes 4 for a file of 5 bytes"),
        ({"integer_macs": 1.5}, "integer_macs 1.5, which is a share"),
        ({"ops": {"Conv": -1}}, "a negative number"),
        ({"outputs": ()}, "no inputs or no outputs"),
        ({"ops": None}, "a document Inspection whose fields are wrong: "),
        ({"parameters": "many"}, "a document Inspection whose fields are wrong: "),
        ({"inputs": ("x",)}, "a document Inspection whose fields are wrong: "),
    ],
)
def test_an_inspection_that_cannot_be_is_refused(changed: dict[str, Any], reason: str, model: Path) -> None:
    with pytest.raises(UsageError, match=f"{FAILED} inspect returned {reason}"):
        checked_inspection("onnx", inspection(**changed), model)


def test_results_of_another_kind_are_refused(model: Path) -> None:
    with pytest.raises(UsageError, match=f"{FAILED} inspect returned a dict, not a document Inspection"):
        checked_inspection("onnx", {}, model)
    with pytest.raises(UsageError, match=f"{FAILED} quantize returned a NoneType, not a document"):
        checked_result("onnx", "quantize", None, QuantizationNotes)
    for wrong in (None, [1], (StoredWeight("w", "int8", (2,), 2),)):
        with pytest.raises(UsageError, match=f"{FAILED} weights returned a .+, not a list of StoredWeight"):
            checked_weights("onnx", wrong)
