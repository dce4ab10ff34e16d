"""The recovery ladder: the cheapest rung that meets a budget ships, or the run says what each came to."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.config.quantization import RUNGS
from edgecnn.core.errors import UsageError
from edgecnn.core.store.manifest import Artifact
from edgecnn.pipeline.run import RunResult
from edgecnn.pipeline.step import Status

PIPELINE = """\
name: ladder
model:
  name: zoo:mobilenetv2
  arguments: {{width: 0.25, stages: [[1, 16, 1, 1], [4, 24, 2, 2]], head: 64, dropout: 0.0}}
preprocessing: {{height: 32, width: 32, resize: squash}}
data: {{train: "{photos}", eval: "{photos}", calibration: {{count: 24}}}}
train: {{epochs: 1, batch_size: 12, optimizer: {{lr: 0.001}}}}
qat: {{epochs: 1, lr: 0.0001}}
verification: {{images: 8}}
benchmark: null
targets: {{onnx-int8: {{verification: {{task_drop: 90 %}}}}}}
budgets: {{"*": {{accuracy: 100 %}}}}
"""


@pytest.fixture(scope="module")
def hopeless(photos: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run whose network is hardly trained and must make no mistake."""
    folder = tmp_path_factory.mktemp("ladder")
    (folder / "ladder.yaml").write_text(PIPELINE.format(photos=photos))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(home))
        result: RunResult = edgecnn.run(str(folder / "ladder.yaml"), out=folder / "run")
        return result


def test_a_budget_that_the_float_network_misses_ends_the_ladder_with_exit_code_3(hopeless: RunResult) -> None:
    assert hopeless.exit_code == 3
    assert "the float network itself has accuracy" in str(hopeless.error)
    assert not (hopeless.directory / "artifacts" / "onnx-int8").exists(), "nothing may be published"
    manifest = Artifact.open(hopeless.directory / "rejected" / "onnx-int8").manifest
    assert [rung.rung for rung in manifest.ladder] == ["plain"]


def test_the_ladder_is_climbed_until_a_rung_loses_nothing(hopeless: RunResult, tmp_path: Path) -> None:
    pipeline = hopeless.directory.parent / "ladder.yaml"
    result = edgecnn.run(str(pipeline), ("budgets={'*': {accuracy_drop: 0}}",), out=tmp_path / "run")
    folder = "artifacts" if result.exit_code == 0 else "rejected"
    manifest = Artifact.open(tmp_path / "run" / folder / "onnx-int8").manifest
    ladder = manifest.ladder
    assert [rung.rung for rung in ladder] == list(RUNGS[: len(ladder)])
    assert [rung.met for rung in ladder] == [*[False] * (len(ladder) - 1), result.exit_code == 0]
    assert result.exit_code == 0 or len(ladder) == len(RUNGS)
    assert manifest.metrics is not None
    if result.exit_code:
        assert manifest.metrics.value == max(rung.value for rung in ladder if rung.value is not None)
    if len(ladder) > 1:
        assert "### Recovery of onnx-int8" in (tmp_path / "run" / "summary.md").read_text()


def test_a_first_rung_that_meets_the_budget_is_the_only_one(hopeless: RunResult, tmp_path: Path) -> None:
    pipeline = hopeless.directory.parent / "ladder.yaml"
    result = edgecnn.run(str(pipeline), ("budgets={'*': {accuracy: 1 %}}",), out=tmp_path / "easy")
    assert result.exit_code == 0
    assert [step.step.id for step in result.steps if step.status is Status.MADE] == []
    manifest = Artifact.open(tmp_path / "easy" / "artifacts" / "onnx-int8").manifest
    assert [rung.rung for rung in manifest.ladder] == ["plain"]


PROVEN_ELSEWHERE = {"entry", "adaround", "qat"}
"""Rungs whose networks and files have tests of their own in ``tests/quantization`` and ``tests/backends``."""


@pytest.mark.parametrize(
    "rung",
    [pytest.param(rung, marks=[pytest.mark.slow] if rung in PROVEN_ELSEWHERE else []) for rung in RUNGS],
)
def test_a_pinned_rung_is_the_only_one_and_its_file_is_measured(
    rung: str, hopeless: RunResult, tmp_path: Path
) -> None:
    pipeline = hopeless.directory.parent / "ladder.yaml"
    overrides = (f"targets.onnx-int8.quantize={{method: {rung}}}", "budgets={'*': {accuracy: 1 %}}")
    result = edgecnn.run(str(pipeline), overrides, out=tmp_path / rung)
    assert result.exit_code == 0
    manifest = Artifact.open(tmp_path / rung / "artifacts" / "onnx-int8").manifest
    (item,) = manifest.ladder
    assert (item.rung, item.note) == (rung, "")
    assert item.value is not None
    assert rung == "plain" or item.seconds > 0
    if rung == "qat":
        assert item.control is not None, "float training of equal steps stands beside qat"
    share = manifest.measured.value("integer_macs")
    assert share is not None
    assert share >= 0.8
    assert rung in ("entry", "mixed") or manifest.inspection.float_ops == 0


def test_mixed_precision_leaves_layers_in_float_that_it_names(hopeless: RunResult, tmp_path: Path) -> None:
    pipeline = hopeless.directory.parent / "ladder.yaml"
    overrides = ("targets.onnx-int8.quantize={method: mixed}", "budgets={'*': {accuracy: 1 %}}")
    edgecnn.run(str(pipeline), overrides, out=tmp_path / "mixed")
    manifest = Artifact.open(tmp_path / "mixed" / "artifacts" / "onnx-int8").manifest
    named = manifest.quantization["float_layers"]
    assert isinstance(named, list)
    assert manifest.inspection.float_ops >= len(named)
    assert manifest.precision == ("mixed" if named else "int8")
    share = manifest.measured.value("integer_macs")
    assert share == 1.0 if not named else 0.8 <= (share or 0.0) < 1.0


def test_an_unknown_rung_is_refused(hopeless: RunResult) -> None:
    pipeline = hopeless.directory.parent / "ladder.yaml"
    with pytest.raises(UsageError, match="method"):
        edgecnn.run(str(pipeline), ("targets.onnx-int8.quantize={method: best}",))
