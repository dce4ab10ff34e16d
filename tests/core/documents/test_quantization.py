"""The notes of quantizers of older versions are what the documents write today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgecnn.core.documents.quantization import IntegerNotes, QuantizationNotes

GOLDEN = sorted((Path(__file__).parent / "golden").glob("manifest-*.json"))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_notes_in_manifests_are_written_as_they_were(file: Path) -> None:
    notes = json.loads(file.read_text())["quantization"]
    if not notes:
        pytest.skip("a float32 file has no notes")
    kind = IntegerNotes if "ranges" in notes else QuantizationNotes
    assert kind.from_json(notes).to_json() == notes


def test_notes_of_a_file_with_float16_weights_hold_scheme_and_tools_only() -> None:
    notes = QuantizationNotes(scheme="float16 weights", tools={"openvino": "2025.0"})
    assert notes.to_json() == {"scheme": "float16 weights", "tools": {"openvino": "2025.0"}}
