from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.core.store.digest import digest_files
from edgecnn.core.store.sums import NAME, check_sums, write_sums
from edgecnn.ondevice.failure import MOST_CHARACTERS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("model.safetensors", "spec.json"):
        (tmp_path / name).write_text(name)
    write_sums(tmp_path, digest_files(tmp_path))
    return tmp_path


def test_files_that_are_what_was_written_pass_here_and_with_sha256sum(folder: Path) -> None:
    check_sums(folder)
    if shutil.which("sha256sum"):
        subprocess.run(
            ["sha256sum", "--check", "--strict", NAME], cwd=folder, check=True, capture_output=True
        )
    (folder / NAME).unlink()
    (folder / "spec.json").write_text("changed")
    check_sums(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "spec.json", NAME])
def test_any_flipped_bit_is_named(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        (folder / name).write_bytes(damaged)
        with pytest.raises(InputError, match=r"changed|missing|damaged|UTF-8"):
            check_sums(folder)
    (folder / name).write_bytes(whole)


@pytest.mark.parametrize("line", ["0  ../x", "0  /etc/passwd", "0", "  ", "0  a/../../b"])
def test_a_list_that_leads_elsewhere_is_refused(folder: Path, line: str) -> None:
    (folder / NAME).write_text(line + "\n")
    with pytest.raises(InputError, match="is damaged"):
        check_sums(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "spec.json").unlink()
    with pytest.raises(InputError, match=r"spec\.json is missing"):
        check_sums(folder)


def test_a_name_that_is_too_long_is_missing(folder: Path) -> None:
    (folder / NAME).write_text(f"{'0' * 64}  {'a' * 3000}\n")
    with pytest.raises(InputError, match="a is missing") as caught:
        check_sums(folder)
    assert len(str(caught.value)) <= MOST_CHARACTERS
