from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgecnn.core.files import draft_directory, draft_file, flush_tree


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    final = tmp_path / "file.txt"
    final.write_text("old")
    (tmp_path / f".file.txt.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"), draft_file(final) as draft:
        draft.write_text("new")
    assert final.read_text() == "old"


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


def test_links_that_lead_nowhere_are_not_flushed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    (tmp_path / "deep").mkdir()
    flush_tree(tmp_path)
