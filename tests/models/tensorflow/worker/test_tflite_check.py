"""Damaged TFLite files are refused before native code reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated

from edgecnn.core.errors import InputError
from edgecnn.models.tensorflow.worker.tflite_check import MOST_PARTS, read_checked
from tests.support import tiny_models as tiny


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """The bytes of the tiny network's float file."""
    return tiny.write_tflite(tmp_path / "tiny.tflite", quantized=False).read_bytes()


def test_a_whole_file_is_read(tmp_path: Path, content: bytes) -> None:
    model = read_checked(tmp_path / "tiny.tflite", schema_py_generated)
    assert len(model.subgraphs[0].operators) >= 1


def test_every_truncation_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "cut.tflite"
    for length in range(8, len(content) - 64, max(1, len(content) // 40)):
        file.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"damaged or truncated"):
            read_checked(file, schema_py_generated)


def test_changed_bytes_are_refused_or_read_but_never_a_traceback(tmp_path: Path, content: bytes) -> None:
    file, rng, refused = tmp_path / "changed.tflite", np.random.default_rng(0), 0
    for _ in range(200):
        changed = bytearray(content)
        for place in rng.integers(8, min(len(content), 1500), 4):
            changed[place] = int(rng.integers(256))
        file.write_bytes(bytes(changed))
        try:
            read_checked(file, schema_py_generated)
        except InputError:
            refused += 1
    assert refused > 20


def test_a_file_of_too_many_parts_is_refused(tmp_path: Path, content: bytes) -> None:
    from ai_edge_litert.tools import flatbuffer_utils

    model = read_checked(tmp_path / "tiny.tflite", schema_py_generated)
    model.buffers += [schema_py_generated.BufferT() for _ in range(MOST_PARTS)]
    file = tmp_path / "many.tflite"
    file.write_bytes(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
    with pytest.raises(InputError, match="parts, and more than"):
        read_checked(file, schema_py_generated)
