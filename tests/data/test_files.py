from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.core.store.digest_cache import DigestCache
from edgecnn.data.files import FileSource
from edgecnn.data.image_folder import open_image_folder
from edgecnn.ondevice.preprocess import ImageError


@pytest.fixture
def source(tmp_path: Path) -> FileSource:
    (tmp_path / "a.jpg").write_bytes(b"first")
    (tmp_path / "b.jpg").write_bytes(b"second")
    return FileSource(tmp_path, ("a.jpg", "b.jpg"), np.array([1, 0]), ("cat", "dog"))


def test_the_digest_never_changes(source: FileSource) -> None:
    """Digests are in cache keys and manifests: another value means that all work is redone."""
    assert source.digest(DigestCache())[:16] == "577615635464f803"


def test_a_file_that_vanished(source: FileSource) -> None:
    (source.folder / "b.jpg").unlink()
    with pytest.raises(ImageError, match="No such file"):
        source.load(1)
    with pytest.raises(InputError, match=r"b\.jpg cannot be read"):
        source.digest(DigestCache())


@pytest.mark.parametrize("name", ["a\udc80.jpg", "\ud800.jpg"])
def test_a_file_name_that_is_not_utf_8_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"holds a file whose name is not UTF-8: '.*\.jpg'") as caught:
        FileSource(tmp_path, ("b.jpg", name), np.array([0, 0]), ("cat",))
    assert caught.value.hint == "rename it"


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "a\u2028b", "\x00", "b\udc80"])
def test_a_class_name_with_a_control_character_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="has a control character"):
        FileSource(tmp_path, ("b.jpg",), np.array([0]), ("cat", name))
    names = ("Kräne", "crane", "crane", "猫 (chat)", "a\xa0b")
    assert FileSource(tmp_path, ("b.jpg",), np.array([0]), names).classes == names


def test_the_name_of_a_file_in_a_folder_that_is_not_utf_8(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\x80.png"))).write_bytes(b"")
    with pytest.raises(InputError, match="not UTF-8"):
        open_image_folder(tmp_path)
