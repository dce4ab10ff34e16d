"""Arrays in files: what numpy writes is read, and everything else is one line."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.array_file import read_array, read_arrays
from edgecnn.core.errors import InputError

KINDS = ("bool", "int8", "uint8", "int16", "int32", "int64", "uint64", "float16", "float32", "float64", ">f4")
SHAPES = ((), (0,), (3,), (2, 3), (1, 0, 4), (2, 3, 4, 5))


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_numpy_writes_is_read(tmp_path: Path, kind: str, mapped: bool) -> None:
    for number, shape in enumerate(SHAPES):
        for order in ("C", "F"):
            wanted = np.asarray(np.arange(np.prod(shape)).reshape(shape).astype(kind), order=order)
            file = tmp_path / f"{number}{order}.npy"
            np.save(file, wanted)
            found = read_array(file, mapped=mapped)
            assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_array_equal(found, wanted)


def test_a_mapped_array_cannot_be_changed(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        read_array(tmp_path / "a.npy", mapped=True)[0] = 1


def npy(header: str, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2 if version == b"\1\0" else 4, "little") + text + data


def plain(shape: str, kind: str = "<f4") -> str:
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"


def objects() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], object), allow_pickle=True)
    return buffer.getvalue()


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "magic alone": b"\x93NUMPY\1",
    "cut off": npy(plain("(3,)"), bytes(12))[:-1],
    "too long": npy(plain("(3,)"), bytes(13)),
    "objects": objects(),
    "huge": npy(plain("(1099511627776, 1099511627776)")),
    "negative": npy(plain("(-3,)"), bytes(12)),
    "long number": npy(plain(f"({'9' * 3000},)")),
    "many dimensions": npy(plain(f"({'1, ' * 40})"), bytes(4)),
    "text": npy(plain("(1,)", "<U5"), bytes(20)),
    "record": npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)),
    "code": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os').getpid(),), }"),
    "deep": npy("(" * 3000),
    "tokens": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1L,), } '''"),
    "length beyond the file": b"\x93NUMPY\2\0\xff\xff\xff\xff{",
    "new version": npy(plain("(1,)"), bytes(4), b"\x09\0"),
}


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_arrays_are_refused(tmp_path: Path, what: str, mapped: bool) -> None:
    file = tmp_path / "a.npy"
    file.write_bytes(HOSTILE[what])
    with pytest.raises(InputError, match=r"a\.npy is not a whole array") as caught:
        read_array(file, mapped=mapped)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    for name, reason in (
        (".", "Is a directory"),
        ("none.npy", "No such file"),
        ("pipe.npy", "it is no file"),
    ):
        path = tmp_path / name
        with pytest.raises(InputError, match=reason):
            read_array(path)


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def test_arrays_of_an_archive_are_read(tmp_path: Path) -> None:
    wanted: dict[str, Any] = {"a": np.arange(6).reshape(2, 3), "b": np.empty((0, 4), np.float32)}
    np.savez(tmp_path / "a.npz", **wanted)
    found = read_arrays(tmp_path / "a.npz")
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_arrays_in_archives_are_refused(tmp_path: Path, what: str) -> None:
    with pytest.raises(InputError, match=r"a\.npz is not a whole file of arrays"):
        read_arrays(archive(tmp_path / "a.npz", {"a.npy": HOSTILE[what]}))


def test_hostile_archives_are_refused(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "bomb.npz", {"a.npy": bytes(100 << 20)}, zipfile.ZIP_DEFLATED)
    many = archive(tmp_path / "many.npz", {f"{number}.npy": b"" for number in range(1000)})
    for file in (bomb, many):
        with pytest.raises(InputError, match="it is compressed, or too long"):
            read_arrays(file)
    whole = archive(tmp_path / "whole.npz", {"a.npy": npy(plain("(1,)"), bytes(4))}).read_bytes()
    for size in range(0, len(whole), 7):
        (tmp_path / "cut.npz").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"cut\.npz is not a whole file of arrays"):
            read_arrays(tmp_path / "cut.npz")
