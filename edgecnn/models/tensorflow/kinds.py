"""The kinds of files that TensorFlow's tools write, by name and content; nothing heavy is imported."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.files import is_dir, is_file

if TYPE_CHECKING:
    from zipfile import ZipInfo

Kind = Literal["tflite", "keras", "h5", "saved-model"]

SAVED_MODEL = "saved_model.pb"
"""The file that makes a folder a SavedModel."""

_SUFFIXES: dict[str, Kind] = {".tflite": "tflite", ".keras": "keras", ".h5": "h5", ".hdf5": "h5"}
_NAMES = {"tflite": "TFLite", "keras": "Keras (.keras)", "h5": "HDF5 (.h5)"}
_ZIP, _HDF5, _TFLITE = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"TFL3"
_LARGEST_JSON = 64 << 20
_LARGEST_MEMBER = 2 << 30
_ENCRYPTED = 0x1
_MEMBERS = ("config.json", "model.weights.h5")
_MOST_MEMBERS = 1000


def kind_of(reference: str) -> Kind | None:
    """Return the kind of a reference by its name, or of a folder by the file in it; None for any other.

    >>> kind_of("nets/mobilenet.TFLITE"), kind_of("zoo:mobilenetv2")
    ('tflite', None)
    """
    if not reference:
        return None
    kind = _SUFFIXES.get(Path(reference).suffix.lower())
    if kind is not None:
        return kind
    return "saved-model" if is_dir(Path(reference)) and is_file(Path(reference) / SAVED_MODEL) else None


def check_content(reference: str, kind: Kind) -> None:
    """Check that a file is of the kind that its name says, and unpacks to no more than a network needs.

    Raises:
        UsageError: There is no such file.
        InputError: It is of another format, encrypted, truncated, or too large.
    """
    path = Path(reference)
    if kind == "saved-model":
        return
    if not is_file(path):
        what = "is a folder, not a file" if is_dir(path) else "does not exist"
        raise UsageError(f"{path} {what}", hint=f"give a {_NAMES[kind]} file, or the folder of a SavedModel")
    with path.open("rb") as file:
        start = file.read(8)
    found = _format(start)
    if found != kind:
        raise InputError(f"{path} is {_described(start, found)}", hint=_way_out(kind, found))
    if kind == "keras":
        _check_archive(path)


def _format(start: bytes) -> Kind | None:
    if start[:4] == _ZIP:
        return "keras"
    if start == _HDF5:
        return "h5"
    return "tflite" if start[4:8] == _TFLITE else None


def _described(start: bytes, found: Kind | None) -> str:
    if found == "keras":
        return "a zip file"
    if found is not None:
        return f"a {_NAMES[found]} file under another name"
    return "neither a TFLite nor a Keras file" if start else "empty"


def _way_out(kind: Kind, found: Kind | None) -> str:
    if found == "keras":
        return "if Keras wrote it, give it a name that ends in .keras"
    if found is not None:
        return f"give it a name that ends in {'.tflite' if found == 'tflite' else '.h5'}"
    return f"give a {_NAMES[kind]} file that is complete and not encrypted"


def _check_archive(path: Path) -> None:
    """Check the directory of a ``.keras`` file, before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"{path} is a truncated or damaged zip file", hint="copy it again, or save the network again"
        ) from error
    by_name = {member.filename: member for member in members}
    missing = [name for name in _MEMBERS if name not in by_name]
    if missing:
        raise InputError(
            f"{path} is a zip file without {missing[0]}, so Keras did not write it",
            hint="save the network with model.save('NAME.keras')",
        )
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise InputError(f"{path} is encrypted", hint="unpack it with its password and pack it without one")
    if len(members) > _MOST_MEMBERS or any(_too_large(member) for member in members):
        raise InputError(
            f"{path} unpacks to more than a network may have: 2 GiB of weights, 64 MiB of description",
            hint="give the file of a smaller network",
        )


def _too_large(member: ZipInfo) -> bool:
    limit = _LARGEST_JSON if member.filename.endswith(".json") else _LARGEST_MEMBER
    return member.file_size > limit
