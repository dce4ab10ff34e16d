"""A pipeline with several mistakes lists those of the names in it too."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edgecnn.core.errors import UsageError
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.named_things import NOT_LOOKED_AT

SEVEN = """\
name: bad name
model: {name: "zoo:mobilenetv9"}
preprocessing: {height: -3}
data: {train: nowhere, eval: "fashion-mnist:tset", calibration: {source: notes.txt, count: 16}}
train: {epochs: zero}
budgets: {"*": {accuracy_drop: 1}}
targets: [onnx-int9, tflite-int8]
"""


def said(content: str) -> list[str]:
    Path("mine.yaml").write_text(content)
    with pytest.raises(UsageError) as caught:
        load_pipeline("mine.yaml")
    return caught.value.message.splitlines()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").touch()


def test_all_mistakes_are_listed_with_what_was_not_looked_at() -> None:
    started = time.monotonic()
    lines = said(SEVEN)
    assert time.monotonic() - started < 1
    for place, mistake in (
        ("mine.yaml:1: name", "is not a plain name"),
        ("mine.yaml:2: model.name", "unknown zoo model 'mobilenetv9'; did you mean 'mobilenetv"),
        ("mine.yaml:3: preprocessing.height", "too small"),
        ("mine.yaml:4: data.train", "dataset nowhere does not exist"),
        ("mine.yaml:4: data.eval", "Fashion-MNIST has no split 'tset'; fashion-mnist:train or"),
        ("mine.yaml:4: data.calibration.source", "notes.txt is not a dataset"),
        ("mine.yaml:5: train.epochs", "not a whole number"),
        ("mine.yaml:6: budgets.*.accuracy_drop", "did you mean 1 %"),
        ("mine.yaml:7", "unknown target 'onnx-int9'"),
    ):
        assert any(line.startswith(place) and mistake in line for line in lines), f"{place}: {mistake}"
    assert lines[-1] == NOT_LOOKED_AT
    assert len(lines) == 10


@pytest.mark.parametrize(
    ("key", "mistake"),
    [
        ('model: {name: "zoo:mobilenetv2", weights: no.pth}', "model.weights: there is no file no.pth"),
        ("model: {name: missing.onnx}", "model.name: missing.onnx cannot be read: No such file or directory"),
        ("model: {name: missing/checkpoint}", "model.name: there is no model 'missing/checkpoint'"),
        ("model: {name: .}", "spec.json"),
        ("model: {name: missing.tflite}", "missing.tflite does not exist"),
        ('model: {name: "python:no_such_module:Net"}', None),
        ("model: 3", None),
        ('model: {name: "zoo:mobilenetv2"}\ndata: {root: nowhere}', "data.root: dataset nowhere"),
        ('model: {name: "zoo:mobilenetv2"}\ndata: {train: 3}', None),
    ],
)
def test_names_of_every_kind(key: str, mistake: str | None) -> None:
    lines = said(f"name: bad name\n{key}\ntargets: [onnx-fp32]\n")
    if mistake is not None:
        assert any(mistake in line for line in lines)
        assert lines[-1] == NOT_LOOKED_AT


def test_a_single_mistake_stays_one_line() -> None:
    assert len(said('name: bad name\nmodel: {name: "zoo:mobilenetv2"}\ntargets: [onnx-fp32]\n')) == 1
