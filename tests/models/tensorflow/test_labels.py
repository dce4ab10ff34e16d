"""Class names behind a TFLite file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from edgecnn.models.tensorflow.labels import labels_of


def with_archive(path: Path, **files: str) -> Path:
    """Write a file of some bytes with a zip archive behind them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.txt", text)
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + b"\x01" * 300 + packed.getvalue())
    return path


def test_the_list_of_the_right_length_names_the_classes(tmp_path: Path) -> None:
    file = with_archive(tmp_path / "net.tflite", notes="one line", labelmap="cat\ndog\n\nfrog\n")
    assert labels_of(file, 3) == ("cat", "dog", "frog")
    assert labels_of(file, 4) is None
    assert labels_of(file, None) is None


@pytest.mark.parametrize("text", ["cat\ncat\ncow", "\x00", "x\n" * 3_000_000])
def test_other_lists_are_left_out(tmp_path: Path, text: str) -> None:
    assert labels_of(with_archive(tmp_path / "net.tflite", labels=text), 3) is None


def test_a_file_without_or_with_a_damaged_archive_has_no_names(tmp_path: Path) -> None:
    file = tmp_path / "net.tflite"
    file.write_bytes(b"\x1c\x00\x00\x00TFL3" + b"\x01" * 300)
    assert labels_of(file, 3) is None
    content = with_archive(file, labels="a\nb\nc\n").read_bytes()
    for place in range(308, len(content), 3):
        file.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        assert labels_of(file, 3) in {None, ("a", "b", "c")}
