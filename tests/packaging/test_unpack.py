"""Hostile archives are refused before they cost anything."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edgecnn.core.errors import InputError, VerificationFailed
from edgecnn.core.this_process import peak_memory_bytes
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.packaging import untrusted
from edgecnn.packaging.archive import write_tar_gz, write_zip
from edgecnn.packaging.contents import open_package
from edgecnn.packaging.unpack import unpack
from tests.support.hostile_archives import makers

SCALE = 40 << 20
"""Unpacked bytes of a bomb: many times what a refusal may take, and quick to write."""

EPOCH = 1_000_000_000


@pytest.mark.parametrize("name", makers())
def test_a_hostile_archive_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    makers()[name](path, SCALE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before, started = peak_memory_bytes(), time.monotonic()
    with pytest.raises((InputError, VerificationFailed)) as caught:
        open_package(path, scratch)
    assert time.monotonic() - started < 2.0
    assert peak_memory_bytes() - before < 30 << 20
    assert "\n" not in str(caught.value)
    written = sum(file.stat().st_size for file in scratch.rglob("*") if file.is_file())
    assert written < 4 << 20, f"{written} bytes were written of it"
    assert not list(tmp_path.glob("x")), "nothing is written beside the folder"


@pytest.mark.parametrize("suffix", ["whl", "tar.gz"])
def test_contents_of_almost_the_largest_size_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    files = {"p/a.bin": os.urandom(300_000), "p/zeros.bin": bytes(600_000), "p/empty": b""}
    path = tmp_path / f"a.{suffix}"
    (write_zip if suffix == "whl" else write_tar_gz)(files, path, epoch=EPOCH)
    found = unpack(path, tmp_path / "all")
    assert {name: member.size for name, member in found.items()} == {
        name: len(data) for name, data in files.items()
    }
    assert {name: (tmp_path / "all" / name).read_bytes() for name in files} == files
    monkeypatch.setattr(untrusted, "MAX_BYTES", 899_999)
    with pytest.raises(InputError, match="more than a package may have"):
        unpack(path, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.whl")
    (tmp_path / "b.tar.gz").mkdir()
    (tmp_path / "c.whl").symlink_to("/dev/zero")
    for name in ("a.whl", "b.tar.gz", "c.whl"):
        with pytest.raises(InputError, match=r"no regular file|directory"):
            unpack(tmp_path / name, tmp_path / "out")


def test_a_file_that_ends_before_its_last_member(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    write_tar_gz({"p/a": os.urandom(9000)}, path, epoch=EPOCH)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises((DamagedPackage, InputError)):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists(), "nothing is written before the whole stream was read"
