"""Exports of two networks of one name do not replace each other unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.pipeline.export_place import Exported, default_place


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with two checkpoints of one name."""
    monkeypatch.chdir(tmp_path)
    for run in ("a", "b"):
        (tmp_path / run / "checkpoint").mkdir(parents=True)
    return tmp_path


def export(model: str, target: str = "onnx-fp32", weights: str | None = None) -> Path:
    """Do what an export does around its work."""
    artifact, record = default_place("checkpoint-onnx-fp32", Exported.of(model, target, weights))
    artifact.mkdir(parents=True, exist_ok=True)
    record()
    return artifact


def test_the_same_network_is_exported_again(folder: Path) -> None:
    assert export("a/checkpoint") == export(f"{folder}/a/../a/checkpoint")


@pytest.mark.parametrize(
    "other",
    [
        ("b/checkpoint",),
        ("zoo:checkpoint",),
        ("a/checkpoint", "mine/onnx-fp32"),
        ("a/checkpoint", "onnx-fp32", "more.pth"),
    ],
)
def test_another_network_target_or_weights_is_refused(folder: Path, other: tuple[str, ...]) -> None:
    export("a/checkpoint")
    with pytest.raises(
        UsageError, match=f"holds the export of {folder}/a/checkpoint for onnx-fp32"
    ) as caught:
        export(*other)
    assert "--out artifacts/checkpoint-onnx-fp32-2" in (caught.value.hint or "")


def test_a_removed_artifact_gives_its_place_free(folder: Path) -> None:
    export("a/checkpoint").rmdir()
    export("b/checkpoint")
    assert export("b/checkpoint").is_dir()


@pytest.mark.parametrize(
    "text", ["", "[1]", "{}", '{"model": 1, "target": 2, "weights": 3, "more": 4}', "[" * 999]
)
def test_a_damaged_record_is_no_permission(folder: Path, text: str) -> None:
    export("a/checkpoint")
    (folder / "artifacts" / ".checkpoint-onnx-fp32.from.json").write_text(text)
    with pytest.raises(UsageError, match="holds the export of something else"):
        export("a/checkpoint")


def test_an_export_looks_before_it_works(folder: Path) -> None:
    artifact = folder / "artifacts" / "resnet18-onnx-fp32"
    artifact.mkdir(parents=True)
    default_place(artifact.name, Exported.of("timm:resnet18", "onnx-fp32", None))[1]()
    with pytest.raises(
        EdgecnnError, match="holds the export of timm:resnet18 for onnx-fp32, not of zoo:resnet18"
    ):
        edgecnn.export("zoo:resnet18", "onnx-fp32")
