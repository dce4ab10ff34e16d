from __future__ import annotations

import gzip
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgecnn.core.errors import InputError, MissingDependency, UsageError
from edgecnn.core.store.digest_cache import DigestCache
from edgecnn.data import fashion_mnist_fetch
from edgecnn.data.fashion_mnist import CLASSES, FashionMnist, open_fashion_mnist

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(fashion_mnist_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(fashion_mnist_folder, tmp_path / "copy")


@pytest.fixture
def no_system_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without the Debian package."""
    monkeypatch.setattr(fashion_mnist_fetch, "SYSTEM_FOLDER", tmp_path / "nowhere")


def test_reads_both_splits(fashion_mnist_folder: Path) -> None:
    train = FashionMnist.read(fashion_mnist_folder, "train")
    test = FashionMnist.read(fashion_mnist_folder, "test")
    assert (len(train), len(test)) == (60, 20)
    assert train.classes == CLASSES
    assert train.labels[:12].tolist() == [*range(10), 0, 1]
    assert train.name(3) == "fashion-mnist:train/00003"
    np.testing.assert_array_equal(np.asarray(train.load(3)), train.images[3])


def test_is_found_in_the_cache(fashion_mnist_folder: Path, tmp_path: Path, no_system_folder: None) -> None:
    shutil.copytree(fashion_mnist_folder, tmp_path / "fashion-mnist")
    assert len(open_fashion_mnist("test", tmp_path)) == 20


def test_is_never_downloaded_unasked(tmp_path: Path, no_system_folder: None) -> None:
    with pytest.raises(MissingDependency, match="Fashion-MNIST is neither in") as caught:
        open_fashion_mnist("train", tmp_path)
    assert caught.value.hint == "edgecnn fetch fashion-mnist"
    assert list(tmp_path.iterdir()) == []


def test_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no split 'validation'"):
        open_fashion_mnist("validation", tmp_path)


def test_digest_is_of_the_content(fashion_mnist_folder: Path, folder: Path) -> None:
    original = FashionMnist.read(fashion_mnist_folder, "train").digest(DigestCache())
    file = folder / "train-images-idx3-ubyte.gz"
    content = bytearray(gzip.decompress(file.read_bytes()))
    file.write_bytes(gzip.compress(content, compresslevel=1))
    assert FashionMnist.read(folder, "train").digest(DigestCache()) == original, "only the gzip differs"
    content[-1] ^= 1
    file.write_bytes(gzip.compress(content))
    assert FashionMnist.read(folder, "train").digest(DigestCache()) != original
    assert FashionMnist.read(folder, "test").digest(DigestCache()) != original


def test_files_that_disagree_are_refused(folder: Path) -> None:
    shutil.copy(folder / "t10k-labels-idx1-ubyte.gz", folder / "train-labels-idx1-ubyte.gz")
    with pytest.raises(InputError, match=r"\[60, 28, 28\] pixels for \[20\] labels"):
        FashionMnist.read(folder, "train")
    header = b"\0\0\x08\1\0\0\0\x3c"
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(header + bytes([3] * 59 + [10])))
    with pytest.raises(InputError, match=r"train-labels-idx1-ubyte\.gz holds label 10"):
        FashionMnist.read(folder, "train")
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match="No such file"):
        FashionMnist.read(folder, "train")
