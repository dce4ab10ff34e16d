from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.errors import InputError
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.packaging import archive
from edgecnn.packaging.archive import PAGE, read_archive, write_tar_gz, write_zip

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
    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
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


def archive_epoch() -> int:
    return 1_000_000_000


def member_offset(path: Path, name: str) -> int:
    """Return where a member's content begins, from its local header."""
    with zipfile.ZipFile(path) as file:
        start = file.getinfo(name).header_offset
    header = path.read_bytes()[start : start + 30]
    return start + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
