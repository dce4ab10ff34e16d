"""Files and directories that take the place of others: a reader finds the old one or the new one."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from edgecnn.core.replace import clear, put, take_away


def write_folder(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "file").write_text(text)
    return folder


def test_a_new_name(tmp_path: Path) -> None:
    put(write_folder(tmp_path / "new", "1"), tmp_path / "final")
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


@pytest.mark.parametrize("old", ["file", "folder", "link to a file", "link to a folder", "dangling link"])
@pytest.mark.parametrize("new", ["file", "folder"])
def test_everything_can_take_the_place_of_everything(tmp_path: Path, old: str, new: str) -> None:
    place, elsewhere = tmp_path / "place", tmp_path / "elsewhere"
    place.mkdir()
    elsewhere.mkdir()
    write_folder(elsewhere / "folder", "kept")
    (elsewhere / "file").write_text("kept")
    final, draft = place / "final", place / "draft"
    if old == "file":
        final.write_text("old")
    elif old == "folder":
        write_folder(final, "old")
    else:
        final.symlink_to(
            {"a file": elsewhere / "file", "a folder": elsewhere / "folder"}.get(old[8:], "nowhere")
        )
    if new == "file":
        draft.write_text("new")
    else:
        write_folder(draft, "new")
    put(draft, final)
    assert [path.name for path in place.iterdir()] == ["final"], "the draft, or what was replaced, is left"
    assert not final.is_symlink()
    assert (final if new == "file" else final / "file").read_text() == "new"
    assert (elsewhere / "file").read_text() == (elsewhere / "folder" / "file").read_text() == "kept"


def test_a_reader_always_finds_a_whole_directory(tmp_path: Path) -> None:
    final = write_folder(tmp_path / "final", "0")
    stop, found = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            found.append((final / "file").read_text())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(200):
            put(write_folder(tmp_path / "draft", str(number)), final)
    finally:
        stop.set()
        reader.join()
    assert found, "the reader has not read"
    assert all(text.isdigit() for text in found)


def test_what_cannot_take_a_place_leaves_it_alone(tmp_path: Path) -> None:
    final = write_folder(tmp_path / "final", "old")
    with pytest.raises(OSError, match="missing"):
        put(tmp_path / "missing", final)
    assert (final / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_taking_away(tmp_path: Path) -> None:
    take_away(tmp_path / "nothing", tmp_path / "aside")
    take_away(write_folder(tmp_path / "folder", "x"), tmp_path / "aside")
    assert list(tmp_path.iterdir()) == []


def test_clearing_follows_no_links_and_opens_closed_folders(tmp_path: Path) -> None:
    kept = write_folder(tmp_path / "kept", "kept")
    folder = write_folder(tmp_path / "folder", "x")
    (folder / "link").symlink_to(kept)
    inner = write_folder(folder / "inner", "y")
    inner.chmod(0o500)
    folder.chmod(0o500)
    clear(folder)
    clear(tmp_path / "nothing")
    assert not os.path.lexists(folder)
    assert (kept / "file").read_text() == "kept"
