from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from edgecnn.core.errors import EdgecnnError, InputError, MissingDependency, UsageError
from edgecnn.data import fashion_mnist_fetch
from edgecnn.data.fashion_mnist import FashionMnist
from edgecnn.data.files import FileSource
from edgecnn.data.source import open_source

if TYPE_CHECKING:
    from pathlib import Path


def test_every_kind_of_reference(
    picture_folder: Path, fashion_mnist_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_source(str(picture_folder), cache_dir=tmp_path)
    assert isinstance(folder, FileSource)
    shutil.copy(picture_folder / "bars" / "0.jpg", tmp_path)
    (tmp_path / "list.CSV").write_text("path,label\n0.jpg,3\n")
    assert open_source(str(tmp_path / "list.CSV"), cache_dir=tmp_path).labels.tolist() == [3]
    monkeypatch.setattr(fashion_mnist_fetch, "SYSTEM_FOLDER", fashion_mnist_folder)
    assert isinstance(open_source("fashion-mnist:test", cache_dir=tmp_path), FashionMnist)


@pytest.mark.parametrize(
    ("reference", "kind", "message"),
    [
        ("fashion-mnist", UsageError, "no split ''"),
        ("fashion-mnist:val", UsageError, "no split 'val'"),
        ("cifar:train", InputError, "dataset cifar:train does not exist"),
        ("no/such/folder", InputError, "does not exist"),
        (__file__, UsageError, "is not a dataset"),
    ],
)
def test_other_references_are_refused(
    tmp_path: Path, reference: str, kind: type[EdgecnnError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        open_source(reference, cache_dir=tmp_path)
    assert caught.value.hint


def test_downloads_only_when_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist_fetch, "SYSTEM_FOLDER", tmp_path / "nowhere")
    with pytest.raises(MissingDependency, match="Fashion-MNIST is neither"):
        open_source("fashion-mnist:train", cache_dir=tmp_path)


def test_opening_data_imports_nothing_heavy() -> None:
    script = (
        "import sys, edgecnn.data.source, edgecnn.data.prepare, edgecnn.data.calibration;"
        "print(*sorted({name.split('.')[0] for name in sys.modules}"
        " & {'torch', 'torchvision', 'onnx', 'tensorflow', 'pydantic', 'rich', 'typer'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "", "imported though it is not needed"
