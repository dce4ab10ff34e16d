from __future__ import annotations

import gzip
import hashlib
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from edgecnn.core.errors import InputError, MissingDependency
from edgecnn.data import fashion_mnist_fetch
from edgecnn.data.fashion_mnist_fetch import FILES, fetch, locate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_system_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without the Debian package."""
    monkeypatch.setattr(fashion_mnist_fetch, "SYSTEM_FOLDER", tmp_path / "nowhere")


@pytest.fixture
def miniature(fashion_mnist_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Expect the contents of the miniature files."""
    contents = {name: gzip.decompress((fashion_mnist_folder / name).read_bytes()) for name in FILES}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(fashion_mnist_fetch, "FILES", digests)
    return fashion_mnist_folder


def stand_in(folder: Path, name: str, script: str) -> None:
    """Put a program of that name first on the path: a package source that works or fails on demand."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tools"
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def unpacks(tools: Path, miniature: Path, tmp_path: Path) -> None:
    root = tmp_path / "nowhere"
    stand_in(tools, "dpkg", f'mkdir -p "$3{root}" && cp {miniature}/* "$3{root}/"')


def test_complete_folders_only_are_located(fashion_mnist_folder: Path, tmp_path: Path) -> None:
    assert locate(tmp_path) is None
    cached = shutil.copytree(fashion_mnist_folder, tmp_path / "fashion-mnist")
    assert locate(tmp_path) == cached
    (cached / next(iter(FILES))).unlink()
    assert locate(tmp_path) is None


def test_what_is_here_is_not_fetched(fashion_mnist_folder: Path, tmp_path: Path, tools: Path) -> None:
    stand_in(tools, "apt-get", "exit 1")
    cached = shutil.copytree(fashion_mnist_folder, tmp_path / "fashion-mnist")
    assert fetch(tmp_path) == cached


def test_apt_comes_first(tmp_path: Path, tools: Path, miniature: Path) -> None:
    stand_in(tools, "apt-get", "touch dataset-fashion-mnist_1_all.deb")
    unpacks(tools, miniature, tmp_path)
    cache = tmp_path / "cache"
    assert fetch(cache) == cache / "fashion-mnist"
    assert sorted(path.name for path in cache.iterdir()) == ["fashion-mnist", "fashion-mnist.lock"]
    assert locate(cache) == cache / "fashion-mnist"


def test_apt_gets_private_lists_where_the_system_has_none(
    tmp_path: Path, tools: Path, miniature: Path
) -> None:
    script = 'case "$*" in *Dir::State::Lists=*download*) touch dataset-fashion-mnist_1_all.deb;; *update) ;;'
    stand_in(tools, "apt-get", f'{script} *) echo "E: Unable to locate package" >&2; exit 100;; esac')
    unpacks(tools, miniature, tmp_path)
    assert fetch(tmp_path / "cache").is_dir()


def test_every_failure_is_named(tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tools, "apt-get", 'echo "E: Unable to locate package dataset-fashion-mnist" >&2; exit 100')
    (tmp_path / "site" / "torchvision").mkdir(parents=True)
    (tmp_path / "site" / "torchvision" / "__init__.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    with pytest.raises(MissingDependency) as caught:
        fetch(tmp_path / "cache")
    assert "apt-get: E: Unable to locate package dataset-fashion-mnist" in caught.value.message
    assert "torchvision: torchvision is not installed" in caught.value.message
    assert "apt-get install dataset-fashion-mnist" in str(caught.value.hint)
    assert "\n" not in caught.value.message
    assert locate(tmp_path / "cache") is None


def test_wrong_content_is_not_published(
    tmp_path: Path, tools: Path, miniature: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tools, "apt-get", "touch dataset-fashion-mnist_1_all.deb")
    unpacks(tools, miniature, tmp_path)
    monkeypatch.setitem(fashion_mnist_fetch.FILES, "t10k-labels-idx1-ubyte.gz", "0" * 64)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(
        MissingDependency, match=r"content of t10k-labels-idx1-ubyte\.gz is not what it should be"
    ):
        fetch(tmp_path / "cache")
    assert locate(tmp_path / "cache") is None


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file/cache cannot be written"):
        fetch(tmp_path / "file" / "cache")
