"""Damage to a finished step: it is noticed, and the step is made again with nothing to delete by hand."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgecnn.core.documents.step_record import StepRecord
from edgecnn.core.errors import DamagedEntry
from edgecnn.core.store import entry as entry_module
from edgecnn.core.store.digest import digest_file
from edgecnn.core.store.entry import Entry
from edgecnn.core.store.store import Store

KEY = "k" * 64
LARGE = 5 << 20
RECORD = StepRecord(step="test", stage="test", notes={"loss": [0.5, float("nan"), 1e-300], "whole": 3})


def make(store: Store, size: int = 40) -> Entry:
    with store.lock(KEY, lambda: None):
        draft = store.draft(KEY)
        (draft.outputs / "part").mkdir()
        (draft.outputs / "part" / "model.bin").write_bytes(bytes(range(256)) * (size // 256 + 1))
        (draft.outputs / "notes.json").write_text('{"a": 1}')
        return store.commit(KEY, draft, RECORD)


def new_process() -> None:
    """Forget what this process has read, as a new one would not know it."""
    entry_module._read.clear()


def flip(file: Path, place: int, bit: int) -> None:
    """Flip a bit as a bad disk does: size and times stay what they were."""
    status = file.stat()
    data = bytearray(file.read_bytes())
    data[place] ^= 1 << bit
    with file.open("r+b") as handle:
        handle.write(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_every_flipped_bit_of_an_entry_counts_as_not_there_or_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    whole = make(store)
    kept = tmp_path / "kept"
    shutil.copytree(whole.outputs.parent, kept)
    files = [path for path in sorted(kept.rglob("*")) if path.is_file()]
    for file in files:
        for place in range(file.stat().st_size):
            new_process()
            flip(whole.outputs.parent / file.relative_to(kept), place, place % 8)
            found = store.get(KEY)
            is_record = file.name == "stage.json"
            assert found is None or (is_record and found.record.to_json() == whole.record.to_json()), (
                f"{file.name} byte {place} was not noticed"
            )
            shutil.copyfile(file, whole.outputs.parent / file.relative_to(kept))
    new_process()
    assert store.get(KEY) is not None


def unreadable(directory: Path) -> None:
    (directory / "outputs" / "part").chmod(0)
    (directory / "stage.json").chmod(0)
    if os.geteuid() == 0:  # root reads it nevertheless
        (directory / "stage.json").unlink()


def written(file: Path, text: str) -> None:
    file.write_text(text)


def renamed(file: Path) -> None:
    file.rename(file.with_name("notes.jsom"))


def linked(directory: Path) -> None:
    file = directory / "outputs" / "part" / "model.bin"
    file.rename(directory.parent / "elsewhere")
    file.symlink_to(directory.parent / "elsewhere")


def linked_folder(directory: Path) -> None:
    (directory / "outputs").rename(directory.parent / "elsewhere")
    (directory / "outputs").symlink_to(directory.parent / "elsewhere")


def replaced(path: str, *, by_folder: bool) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        place = directory / path
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        (place / "deep").mkdir(parents=True) if by_folder else place.write_text("in the way")

    return damage


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a file is cut": lambda directory: os.truncate(directory / "outputs" / "part" / "model.bin", 3),
    "a file is added": lambda directory: (directory / "outputs" / "more").touch(),
    "a file is gone": lambda directory: (directory / "outputs" / "notes.json").unlink(),
    "a file is renamed": lambda directory: renamed(directory / "outputs" / "notes.json"),
    "a file is a folder": replaced("outputs/notes.json", by_folder=True),
    "a file is a link": linked,
    "a file is a pipe": lambda directory: os.mkfifo(directory / "outputs" / "pipe"),
    "the outputs are a file": replaced("outputs", by_folder=False),
    "the outputs are a link": linked_folder,
    "the entry is a file": replaced(".", by_folder=False),
    "the record is a folder": replaced("stage.json", by_folder=True),
    "the record is empty": lambda directory: os.truncate(directory / "stage.json", 0),
    "the record is half": lambda directory: os.truncate(directory / "stage.json", 90),
    "the record is a list": lambda directory: written(directory / "stage.json", "[]"),
    "the record is deep": lambda directory: written(directory / "stage.json", "[" * 100000),
    "nothing can be read": unreadable,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_made_again(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    directory = make(store).outputs.parent
    if damage == "the entry is a file":
        shutil.rmtree(directory)
        directory.write_text("in the way")
    else:
        DAMAGES[damage](directory)
    assert store.get(KEY) is None
    again = make(store)
    new_process()
    assert Store(tmp_path).get(KEY) == again
    assert sorted(again.check()) == ["notes.json", "part/model.bin"]


@pytest.mark.parametrize("name", ["partial", "partial/KEY", "partial/KEY/outputs", "partial/KEY/scratch"])
def test_a_file_where_a_folder_of_the_store_belongs_is_replaced(tmp_path: Path, name: str) -> None:
    place = Store(tmp_path).root / name.replace("KEY", KEY)
    if place.exists():
        place.rmdir()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("in the way")
    assert Store(tmp_path).get(KEY) is None
    make(Store(tmp_path))
    assert Store(tmp_path).get(KEY) is not None


def test_a_folder_where_a_lock_belongs_is_replaced(tmp_path: Path) -> None:
    (Store(tmp_path).root / "locks" / f"{KEY}.lock" / "deep").mkdir(parents=True)
    make(Store(tmp_path))


def test_what_is_remembered_of_large_files_never_covers_what_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a disk changes bytes without a trace in the times; a rewritten memory stands for it here."""
    store = Store(tmp_path)
    entry = make(store, LARGE)
    remembered = {"part/model.bin": entry.check()["part/model.bin"]}
    flip(entry.outputs / "part" / "model.bin", LARGE // 2, 3)
    new_process()
    assert store.get(KEY) is None, "the change time tells"
    with monkeypatch.context() as patch:
        name = "edgecnn.core.store.entry.DigestCache.sha256"
        patch.setattr(name, lambda _, file: remembered[file.relative_to(entry.outputs).as_posix()])
        found = store.get(KEY)
        assert found is not None, "a remembered digest is enough to plan with"
        with pytest.raises(DamagedEntry, match="not those that it made") as caught:
            found.check()
        assert "made again" in (caught.value.hint or "")
        assert store.get(KEY) is None, "from now on it is not there"
    make(store, LARGE).check()


def test_a_large_file_is_read_once_and_then_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    entry = make(store, LARGE)
    clock = time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: clock() + 5_000_000_000)
    new_process()
    assert store.get(KEY) is not None
    new_process()
    with monkeypatch.context() as patch:
        read: list[str] = []

        def watched(file: Path) -> str:
            read.append(file.name)
            return digest_file(file)

        for module in ("entry", "digest_cache"):
            patch.setattr(f"edgecnn.core.store.{module}.digest_file", watched)
        assert store.get(KEY) is not None
    assert read == ["notes.json"]
    assert json.loads((entry.outputs / "notes.json").read_text()) == {"a": 1}


def test_leftovers_of_killed_processes_are_cleared_and_what_can_be_resumed_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("empty", "resumes", "held", "old"):
        draft = store.draft(name)
        (draft.outputs / "half").write_text("half")
        if name in {"resumes", "old"}:
            (draft.scratch / "epoch").write_text("3")
        if name == "old":
            os.utime(draft.scratch / "epoch", (0, 0))
    (tmp_path / "partial" / "file").write_text("in the way")
    with store.lock("held", lambda: None):
        Store(tmp_path).clear_abandoned()
    left = sorted(path.name for path in (tmp_path / "partial").iterdir())
    assert left == ["held", "resumes"]
    assert (tmp_path / "partial" / "held" / "outputs" / "half").is_file()
    assert (tmp_path / "partial" / "resumes" / "scratch" / "epoch").read_text() == "3"
    assert not (tmp_path / "partial" / "resumes" / "outputs").exists()
