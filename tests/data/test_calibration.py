from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.data.calibration import check_calibration, choose_calibration
from edgecnn.data.fashion_mnist import FashionMnist
from edgecnn.data.image_folder import open_image_folder
from edgecnn.data.prepare import prepare
from edgecnn.data.prepared import PreparedSet
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from pathlib import Path

RGB = Contract(height=32, width=32)
GRAY = Contract(height=28, width=28, resize="squash", color="gray", mean=(0.0,), std=(255.0,))


@pytest.fixture
def clothes(fashion_mnist_folder: Path, tmp_path: Path) -> PreparedSet:
    return prepare(FashionMnist.read(fashion_mnist_folder, "train"), GRAY, tmp_path / "clothes")


def with_images(directory: Path, images: np.ndarray) -> PreparedSet:
    names = tuple(f"{index}.png" for index in range(len(images)))
    contract = Contract(height=images.shape[1], width=images.shape[2])
    labels = np.zeros(len(images), np.int64)
    return PreparedSet.write(directory, images, labels, classes=(), names=names, contract=contract)


def gradient(count: int) -> np.ndarray:
    y, x, number = np.mgrid[0:32, 0:32, 0:count]
    return np.repeat((x * 3 + y * 2 + number).T[..., None], 3, axis=3).astype(np.uint8)


def test_chooses_evenly_and_reproducibly(clothes: PreparedSet, tmp_path: Path) -> None:
    chosen = choose_calibration(clothes, tmp_path / "a", count=40)
    assert np.bincount(chosen.labels).tolist() == [4] * 10
    again = choose_calibration(clothes, tmp_path / "b", count=40)
    assert check_calibration(chosen).digest == check_calibration(again).digest == again.digest
    other = choose_calibration(clothes, tmp_path / "c", count=40, seed=1)
    assert other.digest != chosen.digest


def test_good_sets_give_no_warning(clothes: PreparedSet, imagenet: Path, tmp_path: Path) -> None:
    assert check_calibration(clothes).warnings == ()
    from edgecnn.data.csv_manifest import open_csv_manifest

    photos = prepare(open_csv_manifest(imagenet / "calibration.csv"), RGB, tmp_path / "photos")
    report = check_calibration(photos)
    assert (report.images, report.warnings) == (100, ())


def test_few_images_are_warned_of_and_too_few_refused(picture_folder: Path, tmp_path: Path) -> None:
    pictures = prepare(open_image_folder(picture_folder), RGB, tmp_path / "pictures")
    assert check_calibration(pictures).warnings == (
        "ranges from 12 images are unsteady; 32 or more are advised",
    )
    with pytest.raises(InputError, match="at least 8 images, not 7"):
        check_calibration(choose_calibration(pictures, tmp_path / "few", count=7))
    with pytest.raises(InputError, match="0 images"):
        choose_calibration(pictures, tmp_path / "none", count=0)


def test_blank_images_do_not_count(tmp_path: Path) -> None:
    images = gradient(40)
    images[5] = (10, 200, 30)
    report = check_calibration(with_images(tmp_path / "one", images))
    assert report.warnings == ("1 calibration images are of one colour, such as 5.png",)
    images[7:] = 128
    with pytest.raises(InputError, match="at least 8 images, not 6 and 34 of one colour"):
        check_calibration(with_images(tmp_path / "most", images))


def test_noise_is_refused(tmp_path: Path) -> None:
    images = gradient(40)
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    with pytest.raises(InputError, match=r"40 calibration images are noise, such as 0\.png"):
        check_calibration(with_images(tmp_path / "all", noise))
    images[3] = noise[3]
    report = check_calibration(with_images(tmp_path / "one", images))
    assert report.warnings == ("1 calibration images are noise, such as 3.png",)


def test_a_directory_that_cannot_be_written(clothes: PreparedSet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        choose_calibration(clothes, tmp_path / "file" / "set", count=10)
