"""Kinds of files, told apart without TensorFlow, and what is refused before anything is unpacked."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from edgecnn.core.errors import InputError, UsageError
from edgecnn.models.tensorflow.kinds import SAVED_MODEL, check_content, kind_of

HDF5 = b"\x89HDF\r\n\x1a\n"
TFLITE = b"\x1c\x00\x00\x00TFL3"


def keras_file(path: Path, *, leave_out: str = "", more: dict[str, bytes] | None = None) -> Path:
    """Write a zip file with the members of a ``.keras`` file."""
    members = {"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": HDF5} | (more or {})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if name != leave_out:
                archive.writestr(name, content)
    return path


def test_names_and_folders_say_what_a_reference_is(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    assert kind_of(str(tmp_path / "saved")) is None
    (tmp_path / "saved" / SAVED_MODEL).touch()
    assert kind_of(str(tmp_path / "saved")) == "saved-model"
    names = ("a.tflite", "a.KERAS", "b.h5", "b.hdf5", "c.onnx", "zoo:mobilenetv2", "")
    assert [kind_of(name) for name in names] == ["tflite", "keras", "h5", "h5", None, None, None]


def test_files_of_their_kind_pass(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(TFLITE)
    (tmp_path / "a.h5").write_bytes(HDF5)
    keras_file(tmp_path / "a.keras")
    for kind in ("tflite", "h5", "keras"):
        check_content(str(tmp_path / f"a.{kind}"), kind)


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("a.keras", HDF5, "is a HDF5 (.h5) file under another name", "ends in .h5"),
        ("a.h5", b"PK\x03\x04aaaa", "is a zip file", "ends in .keras"),
        ("a.tflite", HDF5, "is a HDF5", "ends in .h5"),
        ("a.h5", TFLITE, "is a TFLite file under another name", "ends in .tflite"),
        ("a.tflite", b"\x00" * 64, "neither a TFLite nor a Keras file", "complete and not encrypted"),
        ("a.tflite", b"", "is empty", "complete"),
        ("a.keras", b"PK\x03\x04" + b"\x00" * 40, "truncated or damaged zip", "copy it again"),
    ],
)
def test_other_formats_and_damage_are_named(
    tmp_path: Path, name: str, content: bytes, message: str, hint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    kind = kind_of(name)
    assert kind is not None
    with pytest.raises(InputError) as found:
        check_content(str(tmp_path / name), kind)
    assert message in found.value.message
    assert hint in str(found.value.hint)


def test_a_zip_file_of_something_else_is_no_keras_file(tmp_path: Path) -> None:
    file = keras_file(tmp_path / "a.keras", leave_out="config.json")
    with pytest.raises(InputError, match=r"without config\.json"):
        check_content(str(file), "keras")


def test_bombs_are_refused_by_their_directory(tmp_path: Path) -> None:
    file = keras_file(tmp_path / "a.keras", more={"config.json": b" " * (65 << 20)})
    assert file.stat().st_size < 1 << 20
    with pytest.raises(InputError, match="unpacks to more"):
        check_content(str(file), "keras")
    file = keras_file(tmp_path / "b.keras", more={f"assets/{number}": b"" for number in range(1001)})
    with pytest.raises(InputError, match="unpacks to more"):
        check_content(str(file), "keras")


def test_an_encrypted_file_is_called_encrypted(tmp_path: Path) -> None:
    file = keras_file(tmp_path / "a.keras")
    content = bytearray(file.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            struct.pack_into("<H", content, at + place, 1)
            at = content.find(mark, at + 4)
    file.write_bytes(content)
    with pytest.raises(InputError, match="is encrypted"):
        check_content(str(file), "keras")


def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        check_content(str(tmp_path / "a.tflite"), "tflite")
    (tmp_path / "b.keras").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        check_content(str(tmp_path / "b.keras"), "keras")
