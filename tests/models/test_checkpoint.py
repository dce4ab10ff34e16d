from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from edgecnn.core.config.pipeline import ModelConfig
from edgecnn.core.errors import EdgecnnError, InputError, UsageError
from edgecnn.core.named_code import named_by_user
from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
from edgecnn.models.resolve import resolve_model
from edgecnn.models.spec_file import read_spec
from edgecnn.pipeline.planner.input_digests import network_content


@pytest.fixture
def saved(small_network: Any, tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "checkpoint", *small_network)
    return tmp_path / "checkpoint"


def _edit(directory: Path, **changes: Any) -> None:
    path = directory / "spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}))


def test_round_trip_gives_the_same_network(saved: Path, small_network: Any, outputs_of: Any) -> None:
    module, spec = load_checkpoint(saved)
    assert spec == small_network[1]
    assert not module.training
    assert torch.equal(outputs_of(module, spec), outputs_of(*small_network))
    assert sorted(path.name for path in saved.iterdir()) == ["model.safetensors", "spec.json"]


def test_the_same_network_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    save_checkpoint(again, *load_checkpoint(saved))
    for path in saved.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_channels_last_and_training_mode_change_nothing(
    saved: Path, small_network: Any, tmp_path: Path
) -> None:
    module, spec = small_network
    save_checkpoint(tmp_path / "other", module.to(memory_format=torch.channels_last).train(), spec)
    assert (saved / "model.safetensors").read_bytes() == (tmp_path / "other/model.safetensors").read_bytes()


@pytest.mark.parametrize("name", ["weights.pth", "pytorch_model.bin", "model.pt"])
def test_a_pickle_in_place_of_safetensors_is_refused(name: str, saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    torch.save({}, saved / name)
    with pytest.raises(InputError, match=f"holds a pickle, {name}") as caught:
        load_checkpoint(saved)
    assert "--weights" in str(caught.value.hint)


def test_a_pickle_under_the_name_of_safetensors_is_refused(saved: Path) -> None:
    (saved / "model.safetensors").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(InputError, match="not a whole safetensors file"):
        load_checkpoint(saved)


def test_truncated_weights_are_refused(saved: Path) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"model\.safetensors is not a whole safetensors file"):
        load_checkpoint(saved)


@pytest.mark.parametrize("missing", ["model.safetensors", "spec.json"])
def test_missing_files_are_named(missing: str, saved: Path) -> None:
    (saved / missing).unlink()
    with pytest.raises(InputError, match=f"holds no {missing}"):
        load_checkpoint(saved)


def test_no_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a checkpoint directory"):
        load_checkpoint(tmp_path / "none")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 99}, "schema 99"),
        ({"classes": "abc"}, "classes: 'abc' is not a list"),
        ({"classes": ["a", "b"]}, r"has shape \[3"),
        ({"classes": []}, "0 classes"),
        ({"arguments": {"width": 0.5}}, "does not fit MobileNetV2"),
        ({"arguments": {"widht": 0.5}}, "unknown argument of zoo:mobilenetv2 'widht'"),
        ({"arguments": 3}, "is no model spec: arguments: "),
        ({"builder": "zoo:none"}, "unknown zoo model"),
        ({"builder": "os"}, "'os' is not a model"),
        (
            {"builder": "python:os:system", "arguments": {"command": "true"}},
            "wants the code python:os:system",
        ),
        ({"builder": "python:os"}, "names code, and not in the form"),
        ({"builder": "python:nets:Net", "code": {"modules": 3}}, "is no model spec: code.modules: "),
        ({"widths": {"features.99": {"outputs": 8}}}, "no layer 'features.99' to be narrowed"),
        ({"widths": {"features.0": {"outputs": 8}}}, "features.0 is a Conv2dNormActivation"),
        ({"widths": {"features.0.0": {"outputs": 4000}}}, "cannot be narrowed to 3 and 4000"),
        ({"widths": {"features.1.conv.0.0": {"outputs": 4}}}, "cannot be narrowed to 8 and 4"),
        ({"widths": {"features.0.0": {"outputs": 4}}}, "has shape"),
        ({"widths": {"features.0.0": 8}}, r"widths\.features\.0\.0: 8 is not a mapping of keys"),
        (
            {"widths": {"features.0.0": {"outputs": 0}}},
            r"widths\.features\.0\.0\.outputs: 0 is too small; it must be more than 0",
        ),
        ({"widths": {"features.0.0": {"outputs": float("inf")}}}, "is not a model spec: it holds Infinity"),
        ({"contract": {"height": -1, "width": 32}}, "not within 1..8192"),
        ({"contract": None}, "is no model spec: contract: "),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(changes: dict[str, Any], message: str, saved: Path) -> None:
    _edit(saved, **changes)
    with pytest.raises(EdgecnnError, match=message) as caught:
        load_checkpoint(saved)
    assert caught.value.exit_code == 2


RUNS_TEXT = {
    "builder": "python:torch.fx.graph_module:reduce_graph_module",
    "arguments": {"body": {"_code": "def forward(self): pass"}, "import_block": "open('ran', 'w')"},
    "widths": {},
}


@pytest.mark.parametrize(
    "changes", [RUNS_TEXT, {"builder": "python:nets:Net"}, {"builder": "python:nets.deep:make"}]
)
def test_a_spec_alone_has_no_code_run(
    changes: dict[str, Any], saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    for name in ("__init__", "deep"):
        (tmp_path / "nets" / f"{name}.py").write_text("open('ran', 'w')")
    _edit(saved, **changes)
    with named_by_user("python:nets:Other", "python:torchvision.models:resnet18"):
        for read in (read_spec, load_checkpoint, lambda path: resolve_model(str(path))):
            with pytest.raises(InputError, match="wants the code"):
                read(saved)
        with pytest.raises(InputError, match="wants the code"):
            network_content(ModelConfig(name=str(saved)))
        with pytest.raises(InputError, match="wants the code"):
            network_content(ModelConfig(name=str(saved), network="python:nets:Other"))
    assert not (tmp_path / "ran").exists()


def test_a_function_of_a_library_runs_no_text_even_if_it_is_named(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _edit(saved, **RUNS_TEXT)
    with (
        named_by_user(str(RUNS_TEXT["builder"])),
        pytest.raises(UsageError, match="not recognizable as a factory"),
    ):
        load_checkpoint(saved)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("zoo:mobilenetv2", "which is no checkpoint"),
        (None, "is built by 'zoo:mobilenetv2', not by 'python:a:b'"),
    ],
)
def test_code_that_builds_nothing_here_is_refused(name: str | None, message: str, saved: Path) -> None:
    with pytest.raises(UsageError, match=message):
        network_content(ModelConfig(name=name or str(saved), network="python:a:b"))


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 100_000, '{"schema": 1}', "\xff"])
def test_a_spec_that_is_not_json_of_ours_is_refused(text: str, saved: Path) -> None:
    (saved / "spec.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"spec\.json"):
        read_spec(saved)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_is_named(small_network: Any, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written"):
        save_checkpoint(tmp_path / "checkpoint", *small_network)


def test_a_file_in_the_way_is_named(small_network: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file.* cannot be written"):
        save_checkpoint(tmp_path / "file", *small_network)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_reported(small_network: Any, tmp_path: Path) -> None:
    (tmp_path / f".model.safetensors.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(InputError, match="No space left on device"):
        save_checkpoint(tmp_path, *small_network)
    assert not (tmp_path / "spec.json").exists()
