from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from edgecnn.core.errors import InputError
from edgecnn.core.store.digest_cache import DigestCache
from edgecnn.data.image_folder import open_image_folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(picture_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(picture_folder, tmp_path / "copy")


def test_one_class_a_folder(picture_folder: Path) -> None:
    source = open_image_folder(picture_folder)
    assert source.classes == ("bars", "disc", "slope")
    assert len(source) == 12
    assert source.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert source.name(5) == "disc/1.jpg"
    assert source.load(5).size == (64, 48)


def test_deeper_folders_belong_to_the_class_and_other_files_to_none(folder: Path) -> None:
    (folder / "disc" / "deep").mkdir()
    shutil.move(folder / "disc" / "3.jpg", folder / "disc" / "deep" / "x.JPEG")
    for name in ("README.md", ".hidden.jpg", "disc/Thumbs.db", "disc/.DS_Store"):
        (folder / name).write_text("no image")
    (folder / ".cache").mkdir()
    source = open_image_folder(folder)
    assert [name for name in source.files if name.startswith("disc")] == [
        "disc/0.jpg",
        "disc/1.jpg",
        "disc/2.jpg",
        "disc/deep/x.JPEG",
    ]
    assert len(source) == 12


def test_images_alone_have_no_labels(picture_folder: Path) -> None:
    source = open_image_folder(picture_folder / "bars")
    assert source.classes == ()
    assert source.labels.tolist() == [-1] * 4


def test_classes_txt_gives_the_labels(folder: Path) -> None:
    (folder / "classes.txt").write_text("slope\nunseen\nbars\ndisc\n")
    source = open_image_folder(folder)
    assert source.classes == ("slope", "unseen", "bars", "disc")
    assert source.labels.tolist() == [2] * 4 + [3] * 4 + [0] * 4


@pytest.mark.parametrize(
    ("names", "problem"), [("bars\nslope\n", "not"), ("bars\ndisc\nslope\ndisc\n", "twice")]
)
def test_a_folder_that_classes_txt_does_not_name_once(folder: Path, names: str, problem: str) -> None:
    (folder / "classes.txt").write_text(names)
    with pytest.raises(InputError, match=rf"'disc' of .* is {problem} in classes\.txt"):
        open_image_folder(folder)


def test_what_is_no_dataset_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty holds no image"):
        open_image_folder(tmp_path / "empty")
    with pytest.raises(InputError, match="No such file"):
        open_image_folder(tmp_path / "absent")
    (folder / "vacant").mkdir()
    with pytest.raises(InputError, match=r"'vacant' of .* holds no image"):
        open_image_folder(folder)
    (folder / "vacant").rmdir()
    shutil.copy(folder / "bars" / "0.jpg", folder / "stray.jpg")
    with pytest.raises(InputError, match=r"both sub-folders and images, such as stray\.jpg"):
        open_image_folder(folder)


def test_digest_follows_content_and_labels_not_the_place(picture_folder: Path, folder: Path) -> None:
    def digest() -> str:
        return open_image_folder(folder).digest(DigestCache())

    original = open_image_folder(picture_folder).digest(DigestCache())
    assert digest() == original, "the same files elsewhere"
    (folder / "classes.txt").write_text("disc\nbars\nslope\n")
    renamed = digest()
    assert renamed != original, "other labels"
    (folder / "classes.txt").unlink()
    (folder / "bars" / "0.jpg").write_bytes((folder / "bars" / "1.jpg").read_bytes())
    assert digest() not in {original, renamed}, "another picture"
