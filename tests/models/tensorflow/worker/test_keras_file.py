"""Keras files that are damaged or describe something else, read by the toolchain."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.models.tensorflow.client import TensorFlow
from edgecnn.models.tensorflow.kinds import kind_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("with_tensorflow")]


def refusal(file: Path) -> str:
    """Return what is said of a file."""
    kind = kind_of(str(file))
    assert kind is not None
    with TensorFlow() as process, pytest.raises(InputError) as found:
        process.open(file, kind, None)
    return found.value.message


def test_a_truncated_file_of_either_format_is_one_line(tensorflow_files: Path, tmp_path: Path) -> None:
    content = (tensorflow_files / "keras2.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(content[: len(content) // 2])
    assert "Keras cannot read" in refusal(tmp_path / "cut.h5")
    with (
        zipfile.ZipFile(tensorflow_files / "small.keras") as source,
        zipfile.ZipFile(tmp_path / "cut.keras", "w") as target,
    ):
        target.writestr("config.json", source.read("config.json"))
        target.writestr("metadata.json", source.read("metadata.json"))
        target.writestr("model.weights.h5", source.read("model.weights.h5")[:4000])
    assert "Keras cannot read" in refusal(tmp_path / "cut.keras")


def test_a_description_that_is_no_json_is_one_line(tmp_path: Path) -> None:
    for number, text in enumerate(("{", "[" * 100_000, "1", "")):
        file = tmp_path / f"{number}.keras"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("config.json", text)
            archive.writestr("model.weights.h5", b"")
        assert "description of" in refusal(file)


def test_a_saved_model_without_its_variables_is_one_line(tensorflow_files: Path, tmp_path: Path) -> None:
    shutil.copytree(tensorflow_files / "exported", tmp_path / "net")
    shutil.rmtree(tmp_path / "net" / "variables")
    assert "TensorFlow cannot read" in refusal(tmp_path / "net")
    (tmp_path / "net" / "saved_model.pb").write_bytes(b"\x0a\xff\xff")
    assert "is damaged or no SavedModel" in refusal(tmp_path / "net")
