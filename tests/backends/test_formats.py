"""The table of formats."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgecnn.backends.formats import companions, format_of, load_format, model_file
from edgecnn.backends.registry import find_format, formats
from edgecnn.core.errors import InputError, UsageError


@pytest.mark.parametrize("name", formats())
def test_every_record_names_a_class_and_a_file(name: str) -> None:
    assert load_format(name)
    assert format_of(model_file(Path("x"), name)) == name


def test_no_vendor_library_is_imported_before_it_is_used() -> None:
    heavy = {"torch", "onnx", "onnxruntime", "openvino", "nncf", "litert_torch", "ai_edge_litert"}
    code = (
        "import json, sys; from edgecnn.backends.formats import load_format\n"
        "from edgecnn.backends.registry import formats\n"
        "[load_format(name) for name in formats()]; print(json.dumps([*sys.modules]))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not heavy & set(json.loads(finished.stdout))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="no format is called 'coreml'; there are onnx"):
        find_format("coreml")
    with pytest.raises(InputError, match=r"model\.mlmodel is not a model file"):
        format_of(Path("model.mlmodel"))


def test_files_beside_a_model_belong_to_it_where_the_format_has_them(tmp_path: Path) -> None:
    for name in ("model.xml", "model.bin", "model.onnx"):
        (tmp_path / name).touch()
    assert companions(tmp_path / "model.xml") == [tmp_path / "model.bin"]
    assert companions(tmp_path / "model.onnx") == []
