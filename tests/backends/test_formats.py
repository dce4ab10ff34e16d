"""The table of formats."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgecnn.backends.formats import FORMATS, entry_of, format_of, load_format, model_file
from edgecnn.core.errors import InputError, UsageError


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_names_a_class_that_agrees_with_it(name: str) -> None:
    made = load_format(name)
    assert (made.name, made.suffix) == (name, FORMATS[name].suffix)
    assert format_of(model_file(Path("x"), name)) == name


def test_no_vendor_library_is_imported_before_it_is_used() -> None:
    heavy = {"torch", "onnx", "onnxruntime", "openvino", "nncf", "litert_torch", "ai_edge_litert"}
    code = "import json, sys; from edgecnn.backends.formats import *; [load_format(name) for name in FORMATS]"
    finished = subprocess.run(
        [sys.executable, "-c", f"{code}; print(json.dumps([*sys.modules]))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not heavy & set(json.loads(finished.stdout))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="no format is called 'coreml'; there are onnx"):
        entry_of("coreml")
    with pytest.raises(InputError, match=r"model\.mlmodel is not a model file"):
        format_of(Path("model.mlmodel"))
