"""Tests of TFLite metadata; ``test_android.py`` lets Google's own reader read a package's."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from edgecnn.backends.tflite.flatbuffer import read_model
from edgecnn.core.errors import InputError
from edgecnn.packaging.android.metadata import BUFFER, IDENTIFIER, with_metadata
from tests.support import tiny_models as tiny

LABELS = b"cat\ndog\n"


def described(model: Path, name: str = "tiny") -> bytes:
    """Return a model with metadata."""
    return with_metadata(
        model,
        name=name,
        version="1.2.3",
        licence="Apache-2.0",
        contract=tiny.CONTRACT,
        labels=LABELS,
        labels_file="labels.txt",
    )


def metadata(model: Path) -> list[bytes]:
    """Return the content of every buffer of metadata that a file holds."""
    loaded = read_model(model)
    entries = [entry for entry in loaded.metadata if entry.name == BUFFER.encode()]
    return [bytes(loaded.buffers[entry.buffer].data) for entry in entries]


def test_the_network_stays_and_labels_lie_behind_it(tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=True)
    data = described(model)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"labels.txt": LABELS}
    (tmp_path / "with.tflite").write_bytes(data)
    before, after = read_model(model), read_model(tmp_path / "with.tflite")
    assert len(after.subgraphs[0].operators) == len(before.subgraphs[0].operators)
    for old, new in zip(before.buffers, after.buffers, strict=False):
        assert bytes(new.data if new.data is not None else b"") == bytes(
            old.data if old.data is not None else b""
        )


def test_the_metadata_holds_its_words_and_is_replaced_not_added(tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=True)
    model.write_bytes(described(model, "first"))
    (first,) = metadata(model)
    assert first[4:8] == IDENTIFIER
    for word in (b"first\0", b"1.2.3\0", b"Apache-2.0\0", b"labels.txt\0"):
        assert word in first
    model.write_bytes(described(model, "second"))
    (second,) = metadata(model)
    assert b"second\0" in second
    assert b"first\0" not in second


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=True)
    assert described(model) == described(model)


def test_what_is_no_tflite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        described(tiny.write_onnx(tmp_path / "net.onnx"))
