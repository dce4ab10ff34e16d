from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgecnn.core.errors import InputError, MachineFault, UsageError, machine_fault
from edgecnn.core.files import (
    copy_folder,
    draft_directory,
    draft_file,
    exists,
    flush_tree,
    is_dir,
    is_file,
    remove,
    require_plain_file,
    require_regular,
    write_texts,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stop_half_way(file: Path) -> None:
    file.write_text("half")
    raise ValueError("half way")


def test_a_file_is_replaced_when_it_is_whole(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "file.txt"
    with draft_file(final) as draft:
        draft.write_text("first")
        assert not final.exists(), "the file appears only at the end"
    with draft_file(final) as draft:
        draft.write_text("second")
        assert final.read_text() == "first"
    assert final.read_text() == "second"
    assert names(final.parent) == ["file.txt"], "no draft is left"


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    final = tmp_path / "file.txt"
    final.write_text("old")
    with pytest.raises(ValueError, match="half way"), draft_file(final) as draft:
        stop_half_way(draft)
    assert final.read_text() == "old"
    assert names(tmp_path) == ["file.txt"], "no draft is left"


def test_only_files_of_the_user_are_replaced_by_files(tmp_path: Path) -> None:
    require_plain_file(tmp_path / "none")
    (tmp_path / "file").touch()
    require_plain_file(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder" / "precious").mkdir(parents=True)
    for name in ("folder", "pipe"):
        with pytest.raises(InputError, match="is no file, so it is not replaced by one"):
            require_plain_file(tmp_path / name)
        with pytest.raises(InputError, match="is no file"):
            write_texts(tmp_path, {name: "new"})


def write_to_a_full_disk(file: Path) -> None:
    file.symlink_to("/dev/full")
    file.write_text("new")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    final = tmp_path / "file.txt"
    final.write_text("old")
    with pytest.raises(OSError, match="No space left"), draft_file(final) as draft:
        write_to_a_full_disk(draft)
    assert final.read_text() == "old"


def test_a_folder_is_copied_with_its_folders(tmp_path: Path) -> None:
    (tmp_path / "from" / "deep").mkdir(parents=True)
    (tmp_path / "from" / "deep" / "file.txt").write_text("text")
    (tmp_path / "from" / "empty").mkdir()
    copy_folder(tmp_path / "from", tmp_path / "to")
    assert names(tmp_path / "to") == ["deep", "empty"]
    assert (tmp_path / "to" / "deep" / "file.txt").read_text() == "text"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_folder_that_is_copied_to_a_full_disk_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "file.txt").write_text("text")
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "file.txt").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        copy_folder(tmp_path / "from", tmp_path / "to")
    assert isinstance(machine_fault(caught.value), MachineFault)


def test_a_directory_is_replaced_when_it_is_whole(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "folder"
    with draft_directory(final) as draft:
        (draft / "a").write_text("a")
        assert not final.exists(), "the directory appears only at the end"
    with draft_directory(final) as draft:
        (draft / "b").write_text("b")
    assert names(final) == ["b"], "nothing of the older directory is left"
    assert names(final.parent) == ["folder"], "neither a draft nor the older directory is left"


def test_a_failure_leaves_the_old_directory(tmp_path: Path) -> None:
    final = tmp_path / "folder"
    final.mkdir()
    (final / "a").write_text("a")
    with pytest.raises(ValueError, match="half way"), draft_directory(final) as draft:
        stop_half_way(draft / "b")
    assert names(final) == ["a"]
    assert names(tmp_path) == ["folder"], "no draft is left"


def test_an_output_is_written_to_regular_files_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    require_regular(tmp_path / "file")
    require_regular(tmp_path / "none")
    for other in (tmp_path / "pipe", tmp_path, Path(os.devnull)):
        with pytest.raises(UsageError, match="is no regular file"):
            require_regular(other)


def test_what_is_there_must_have_a_name_in_utf_8(tmp_path: Path) -> None:
    place = tmp_path / os.fsdecode(b"d\xff")
    for look in (exists, is_dir, is_file):
        assert not look(place)
    place.mkdir()
    (place / "file").touch()
    for path in (place, place / "file"):
        with pytest.raises(InputError, match=r"udcff.* is not UTF-8") as refused:
            exists(path)
        assert refused.value.hint
    with pytest.raises(InputError):
        is_dir(place)
    with pytest.raises(InputError):
        is_file(place / "file")


def test_links_that_lead_nowhere_are_not_flushed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    (tmp_path / "deep").mkdir()
    flush_tree(tmp_path)


def in_the_way(path: Path, kind: str) -> None:
    """Put something at a path where something else is expected."""
    if kind == "file":
        path.write_text("in the way")
    elif kind == "folder":
        (path / "deep").mkdir(parents=True)
        (path / "deep" / "file").write_text("in the way")
    elif kind == "closed folder":
        (path / "deep").mkdir(parents=True)
        (path / "deep" / "file").write_text("in the way")
        (path / "deep").chmod(0)
        path.chmod(0)
    elif kind == "dead link":
        path.symlink_to(path.with_name("nothing"))
    else:
        other = path.with_name("other")
        other.mkdir()
        (other / "kept").write_text("kept")
        path.symlink_to(other)


WAYS = ("file", "folder", "closed folder", "dead link", "link to a folder")


@pytest.mark.parametrize("kind", WAYS)
def test_whatever_has_the_name_is_replaced_and_links_are_not_followed(tmp_path: Path, kind: str) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        in_the_way(tmp_path / name / "it", kind)
    with draft_file(tmp_path / "a" / "it") as draft:
        draft.write_text("new")
    with draft_directory(tmp_path / "b" / "it") as draft:
        (draft / "new").write_text("new")
    assert (tmp_path / "a" / "it").read_text() == "new"
    assert names(tmp_path / "b" / "it") == ["new"]
    other = ["it", "other"] if kind == "link to a folder" else ["it"]
    assert names(tmp_path / "a") == names(tmp_path / "b") == other
    assert all((tmp_path / name / "other" / "kept").is_file() for name in "ab" if len(other) > 1)


@pytest.mark.parametrize("kind", WAYS)
def test_whatever_has_the_name_can_be_removed(tmp_path: Path, kind: str) -> None:
    in_the_way(tmp_path / "it", kind)
    remove(tmp_path / "it")
    assert names(tmp_path) == (["other"] if kind == "link to a folder" else [])
    remove(tmp_path / "it")
    remove(tmp_path / "absent" / "it")


def test_without_the_exchange_a_directory_is_replaced_by_two_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "another")
    for text in ("one", "two"):
        with draft_directory(tmp_path / "folder") as draft:
            (draft / text).write_text(text)
    assert names(tmp_path / "folder") == ["two"]
    assert names(tmp_path) == ["folder"]


def test_drafts_of_dead_processes_are_removed_and_those_of_running_ones_kept(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    for name in (f".it.{dead.pid}.tmp", f".it.{dead.pid}.tmp.old", f".it.{dead.pid}.old"):
        (tmp_path / name / "deep").mkdir(parents=True)
    kept = [f".it.{os.getppid()}.tmp", f".other.{dead.pid}.tmp", ".it.tmp", ".it.lock", "it.1.tmp"]
    for name in kept:
        (tmp_path / name).write_text("kept")
    with draft_file(tmp_path / "it") as draft:
        draft.write_text("new")
    assert names(tmp_path) == sorted([*kept, "it"])


WRITER = """
import sys, itertools
from pathlib import Path
from edgecnn.core.files import copy_folder, draft_directory, draft_file
folder = Path(sys.argv[1])
for number in itertools.count():
    with draft_directory(folder / "folder") as draft:
        (draft / "a").write_text(str(number))
        (draft / "b").write_text(str(number))
    with draft_file(folder / "file") as draft:
        draft.write_text(f"{number} {number}")
    print(number, flush=True)
"""


def test_a_reader_beside_a_writer_always_finds_one_version_whole(tmp_path: Path) -> None:
    path = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        reads, first, deadline = 0, "0", time.monotonic() + 30
        while (reads < 1500 or int(first) < 10) and time.monotonic() < deadline:
            first, second = (tmp_path / "file").read_text().split()
            assert first == second
            assert (tmp_path / "folder").is_dir(), "the directory is missing for a moment"
            reads += 1
        writer.kill()
    assert int(first) >= 10, "too little was replaced meanwhile"


def test_what_cannot_be_a_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert is_file(tmp_path / "a")
    for name in ("b", "a" * 300, "a/b", "a\0", "\ud800", "a/" * 5000, "."):
        assert not is_file(tmp_path / name)
