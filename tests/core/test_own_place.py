from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.core.own_place import require_nothing_else, require_own_folder


def filled(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return folder


def test_what_edgecnn_wrote_and_empty_folders_may_be_replaced(tmp_path: Path) -> None:
    require_own_folder(tmp_path / "none", "manifest.json", "an artifact")
    require_own_folder(filled(tmp_path / "empty"), "manifest.json", "an artifact")
    require_own_folder(filled(tmp_path / "own", "manifest.json", "x"), "manifest.json", "an artifact")


def test_folders_and_files_of_the_user_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (filled(tmp_path / "photos", "1.jpg"), tmp_path / "file", tmp_path / "link"):
        with pytest.raises(InputError, match="is not an artifact, so it is not replaced") as caught:
            require_own_folder(path, "manifest.json", "an artifact")
        assert caught.value.hint


def test_a_folder_with_more_than_the_new_one_is_not_replaced(tmp_path: Path) -> None:
    new = filled(tmp_path / "new", "a", "b")
    require_nothing_else(tmp_path / "none", new)
    require_nothing_else(filled(tmp_path / "old", "a"), new)
    with pytest.raises(InputError, match="c is not edgecnn's"):
        require_nothing_else(filled(tmp_path / "more", "a", "c"), new)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is not edgecnn's"):
        require_nothing_else(tmp_path / "file", new)
