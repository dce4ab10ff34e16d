from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.errors import InputError
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.packaging import untrusted
from edgecnn.packaging.archive import PAGE, write_tar_gz, write_zip
from tests.support.archives import read_archive

FILES = {"b/two.txt": b"2" * 100, "a.txt": b"1", "b/one.bin": bytes(range(256))}


def test_same_content_same_bytes_whatever_the_order(tmp_path: Path) -> None:
    for write, suffix in ((write_zip, "zip"), (write_tar_gz, "tar.gz")):
        first, second = tmp_path / f"1.{suffix}", tmp_path / f"2.{suffix}"
        write(FILES, first, epoch=1_700_000_000)
        write(dict(reversed(FILES.items())), second, epoch=1_700_000_000)
        assert first.read_bytes() == second.read_bytes()
        assert read_archive(first) == FILES


@given(before=st.integers(0, 40_000), size=st.integers(0, 3), name=st.text("abc_", min_size=1, max_size=9))
def test_aligned_members_begin_at_a_page(
    before: int, size: int, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    name = f"m/{name}"
    write_zip(
        {"a": bytes(before), name: bytes(size), "z": b"z"},
        path,
        epoch=archive_epoch(),
        aligned=frozenset({name}),
    )
    assert member_offset(path, name) % PAGE == 0
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert file.getinfo(name).compress_type == zipfile.ZIP_STORED


@pytest.mark.skipif(shutil.which("zipalign") is None, reason="no zipalign: apt-get install zipalign")
def test_zipalign_agrees(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_zip(
        {"a": b"a" * 99, "m.bin": b"m" * 50_000}, path, epoch=archive_epoch(), aligned=frozenset({"m.bin"})
    )
    finished = subprocess.run(
        ["zipalign", "-c", "-v", str(PAGE), str(path)], capture_output=True, text=True, check=False
    )
    assert "m.bin (OK)" in finished.stdout, finished.stdout


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "a\\b", "./a"])
def test_names_that_leave_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, "x")
    with pytest.raises(DamagedPackage, match="is no path inside the package"):
        read_archive(path)


def test_links_in_a_tar_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    with pytest.raises(DamagedPackage, match="'a' is no plain file"):
        read_archive(path)


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        for _ in range(2):
            file.addfile(tarfile.TarInfo("a"), io.BytesIO())
    with pytest.raises(DamagedPackage, match="'a' is there twice"):
        read_archive(path)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted, "MAX_BYTES", 1000)
    for write, suffix in ((write_zip, "zip"), (write_tar_gz, "tar.gz")):
        path = tmp_path / f"a.{suffix}"
        write({"a": bytes(2000)}, path, epoch=archive_epoch())
        with pytest.raises(InputError, match="more than a package may have"):
            read_archive(path)


@pytest.mark.parametrize("suffix", ["zip", "tar.gz"])
def test_truncated_and_foreign_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    (write_zip if suffix == "zip" else write_tar_gz)(FILES, path, epoch=archive_epoch())
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises((DamagedPackage, InputError)):
        read_archive(path)
    path.write_bytes(b"no archive")
    with pytest.raises((DamagedPackage, InputError)):
        read_archive(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_archive(tmp_path / f"missing.{suffix}")


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
@pytest.mark.parametrize("size", [-1, -(1 << 40), 1 << 80])
def test_sizes_that_no_member_has_are_refused(tmp_path: Path, kind: bytes, size: int) -> None:
    header = tarfile.TarInfo("a")
    header.type, header.size = kind, size
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))
    with pytest.raises(
        (DamagedPackage, InputError), match=r"less than no bytes|more than a package may have"
    ):
        read_archive(path)


def test_a_member_without_a_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_zip({"a": b"1"}, path, epoch=archive_epoch())
    path.write_bytes(path.read_bytes().replace(b"a", b"\0"))
    with pytest.raises(DamagedPackage, match="is no path inside the package"):
        read_archive(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_no_package_has_are_refused(tmp_path: Path, compression: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("a.txt", b"1" * 100)
    with pytest.raises(DamagedPackage, match=r"a\.txt is encrypted or compressed as no package is"):
        read_archive(path)


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_zip({"a.txt": b"1"}, path, epoch=archive_epoch())
    content = bytearray(path.read_bytes())
    content[content.find(b"PK\x03\x04") + 6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DamagedPackage, match=r"a\.txt is encrypted"):
        read_archive(path)


@pytest.mark.parametrize("suffix", ["zip", "tar.gz"])
@given(where=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_changed_byte_is_an_error_of_ours_or_none(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, where: float, byte: int
) -> None:
    path = tmp_path_factory.mktemp("changed") / f"a.{suffix}"
    (write_zip if suffix == "zip" else write_tar_gz)(FILES, path, epoch=archive_epoch())
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] = byte
    path.write_bytes(content)
    with contextlib.suppress(DamagedPackage, InputError):
        read_archive(path)


def archive_epoch() -> int:
    return 1_000_000_000


def member_offset(path: Path, name: str) -> int:
    """Return where a member's content begins, from its local header."""
    with zipfile.ZipFile(path) as file:
        start = file.getinfo(name).header_offset
    header = path.read_bytes()[start : start + 30]
    return start + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
