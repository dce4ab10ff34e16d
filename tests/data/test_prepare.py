from __future__ import annotations

import errno
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.data import prepare as prepare_module
from edgecnn.data.csv_manifest import open_csv_manifest
from edgecnn.data.fashion_mnist import FashionMnist
from edgecnn.data.files import FileSource
from edgecnn.data.image_folder import open_image_folder
from edgecnn.data.prepare import check_labels, prepare
from edgecnn.data.prepared import PreparedSet, PreparedWriter
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.preprocess import geometry, open_image

if TYPE_CHECKING:
    from pathlib import Path

RGB = Contract(height=32, width=32)
GRAY = Contract(height=32, width=32, resize="squash", color="gray", mean=(0.0,), std=(255.0,))


@pytest.fixture
def folder(picture_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(picture_folder, tmp_path / "copy")


def test_is_the_geometry_of_every_image_in_order(picture_folder: Path, tmp_path: Path) -> None:
    source = open_image_folder(picture_folder)
    prepared = prepare(source, RGB, tmp_path / "set")
    assert prepared.names == source.files
    assert prepared.labels.tolist() == source.labels.tolist()
    assert prepared.classes == source.classes
    assert prepared.contract == RGB
    for image, name in zip(prepared.images, prepared.names, strict=True):
        np.testing.assert_array_equal(image, geometry(open_image(picture_folder / name), RGB), err_msg=name)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_and_blocks_do_not_show(
    picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    expected = prepare(open_image_folder(picture_folder), RGB, tmp_path / "one", threads=1).digest
    monkeypatch.setattr(prepare_module, "_BLOCK_IMAGES", 5)
    prepared = prepare(open_image_folder(picture_folder), RGB, tmp_path / "set", threads=threads)
    assert prepared.digest == expected


def test_fashion_mnist(fashion_mnist_folder: Path, tmp_path: Path) -> None:
    prepared = prepare(FashionMnist.read(fashion_mnist_folder, "train"), GRAY, tmp_path)
    assert prepared.images.shape == (60, 32, 32, 1)
    check_labels(prepared, 10)


def test_real_photos(imagenet: Path, tmp_path: Path) -> None:
    prepared = prepare(open_csv_manifest(imagenet / "calibration.csv"), RGB, tmp_path, limit=20)
    assert len(prepared) == 20
    assert len(set(prepared.labels.tolist())) == 20, "one image of each of twenty classes"
    check_labels(prepared, 1000)


def test_limit_and_seed(picture_folder: Path, tmp_path: Path) -> None:
    source = open_image_folder(picture_folder)
    some = prepare(source, RGB, tmp_path / "a", limit=6, seed=1)
    assert np.bincount(some.labels).tolist() == [2, 2, 2]
    assert prepare(source, RGB, tmp_path / "b", limit=6, seed=1).names == some.names
    assert prepare(source, RGB, tmp_path / "c", limit=6, seed=2).names != some.names
    assert len(prepare(source, RGB, tmp_path / "d", limit=100)) == 12
    with pytest.raises(InputError, match="limit 0"):
        prepare(source, RGB, tmp_path / "e", limit=0)


def test_progress_counts_every_image(
    picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_module, "_BLOCK_IMAGES", 5)
    calls: list[tuple[int, int]] = []
    prepare(open_image_folder(picture_folder), RGB, tmp_path, progress=lambda *call: calls.append(call))
    assert calls == [(5, 12), (10, 12), (12, 12)]


def test_a_corrupt_image_is_named(folder: Path, tmp_path: Path) -> None:
    file = folder / "disc" / "2.jpg"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(InputError, match=r"image disc/2\.jpg cannot be used: .*[Tt]runcated") as caught:
        prepare(open_image_folder(folder), RGB, tmp_path / "set")
    assert "data.bad_images: skip" in str(caught.value.hint)
    with pytest.raises(InputError, match=r"set is not a prepared set: it holds no prepared\.json"):
        PreparedSet.open(tmp_path / "set")


def test_corrupt_images_are_skipped_when_told_so(folder: Path, tmp_path: Path) -> None:
    (folder / "bars" / "0.jpg").write_bytes(b"")
    (folder / "disc" / "3.jpg").write_text("not an image")
    prepared = prepare(open_image_folder(folder), RGB, tmp_path / "set", on_bad_image="skip")
    assert set(prepared.skipped) == {"bars/0.jpg", "disc/3.jpg"}
    assert "not a JPEG" in prepared.skipped["disc/3.jpg"]
    assert len(prepared) == 10
    assert prepared.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 4
    name = prepared.names[0]
    np.testing.assert_array_equal(prepared.images[0], geometry(open_image(folder / name), RGB))


def test_nothing_but_corrupt_images(folder: Path, tmp_path: Path) -> None:
    for file in folder.glob("*/*.jpg"):
        file.write_bytes(b"broken")
    with pytest.raises(InputError, match=r"no image of 12 can be used; the first is bars/0\.jpg"):
        prepare(open_image_folder(folder), RGB, tmp_path / "set", on_bad_image="skip")


def test_an_empty_source(tmp_path: Path) -> None:
    empty = FileSource(tmp_path, (), np.empty(0, np.int64), ())
    for limit in (None, 5):
        with pytest.raises(InputError, match="dataset is empty"):
            prepare(empty, RGB, tmp_path / "set", limit=limit)


def test_a_directory_that_cannot_be_written(picture_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file/set cannot be written"):
        prepare(open_image_folder(picture_folder), RGB, tmp_path / "file" / "set")


def test_a_full_disk(picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(PreparedWriter, "append", full)
    with pytest.raises(InputError, match="set cannot be written: No space left on device"):
        prepare(open_image_folder(picture_folder), RGB, tmp_path / "set")


@pytest.mark.parametrize(
    ("labels", "classes", "outputs", "message"),
    [
        ([0, 2], (), 2, r"image 1\.jpg has label 2, but the network has 2 classes"),
        ([-1, 1], (), 2, r"image 0\.jpg has no label"),
        ([0, 1], ("a", "b"), 1000, "dataset has 2 classes, the network has 1000"),
    ],
)
def test_labels_that_a_network_cannot_predict(
    tmp_path: Path, labels: list[int], classes: tuple[str, ...], outputs: int, message: str
) -> None:
    prepared = PreparedSet.write(
        tmp_path,
        np.zeros((2, 32, 32, 3), np.uint8),
        np.array(labels),
        classes=classes,
        names=("0.jpg", "1.jpg"),
        contract=RGB,
    )
    with pytest.raises(InputError, match=message):
        check_labels(prepared, outputs)
