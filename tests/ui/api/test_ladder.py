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
targets: {{onnx-int8: {{verification: {{task_drop: 100 %}}}}}}
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


@pytest.fixture(scope="module")
def rejected(hopeless: RunResult) -> Artifact:
    return Artifact.open(hopeless.directory / "rejected" / "onnx-int8")


def test_a_budget_that_no_rung_meets_is_exit_code_3_with_every_rungs_result(hopeless: RunResult) -> None:
    assert hopeless.exit_code == 3
    message = str(hopeless.error)
    assert "no rung of the ladder was enough" in message
    assert all(rung in message for rung in RUNGS)
    assert not (hopeless.directory / "artifacts" / "onnx-int8").exists(), "nothing may be published"


def test_the_manifest_and_the_report_hold_what_every_rung_came_to(
    hopeless: RunResult, rejected: Artifact
) -> None:
    ladder = rejected.manifest.ladder
    assert [rung.rung for rung in ladder] == list(RUNGS)
    assert not any(rung.met for rung in ladder)
    failed = {rung.rung: rung.note for rung in ladder if rung.note}
    assert not failed, "every rung must have made a file that was measured"
    assert all(rung.seconds > 0 for rung in ladder)
    assert ladder[-1].control is not None, "float training of equal steps stands beside qat"
    assert "### Recovery of onnx-int8" in (hopeless.directory / "summary.md").read_text()


def test_the_most_accurate_attempt_is_kept(rejected: Artifact) -> None:
    values = [rung.value for rung in rejected.manifest.ladder if rung.value is not None]
    assert len(values) == len(rejected.manifest.ladder)
    assert rejected.manifest.metrics is not None
    assert rejected.manifest.metrics.value == max(values)


def test_a_first_rung_that_meets_the_budget_is_the_only_one(hopeless: RunResult, tmp_path: Path) -> None:
    pipeline = hopeless.directory.parent / "ladder.yaml"
    result = edgecnn.run(str(pipeline), ("budgets={'*': {accuracy: 1 %}}",), out=tmp_path / "easy")
    assert result.exit_code == 0
    assert [step.step.id for step in result.steps if step.status is Status.MADE] == []
    manifest = Artifact.open(tmp_path / "easy" / "artifacts" / "onnx-int8").manifest
    assert [rung.rung for rung in manifest.ladder] == ["plain"]


@pytest.mark.parametrize("rung", ["adaround", "qat"])
def test_a_pinned_rung_is_the_only_one_and_reuses_what_the_ladder_made(
    rung: str, hopeless: RunResult, tmp_path: Path
) -> None:
    pipeline = hopeless.directory.parent / "ladder.yaml"
    overrides = (f"targets.onnx-int8.quantize={{method: {rung}}}", "budgets={'*': {accuracy: 1 %}}")
    result = edgecnn.run(str(pipeline), overrides, out=tmp_path / rung)
    assert result.exit_code == 0
    assert [step.step.id for step in result.steps if step.status is Status.MADE] == []
    manifest = Artifact.open(tmp_path / rung / "artifacts" / "onnx-int8").manifest
    assert [item.rung for item in manifest.ladder] == [rung]
    assert manifest.inspection.float_ops == 0


def test_mixed_precision_leaves_layers_in_float_that_it_names(hopeless: RunResult, tmp_path: Path) -> None:
    pipeline = hopeless.directory.parent / "ladder.yaml"
    overrides = ("targets.onnx-int8.quantize={method: mixed}", "budgets={'*': {accuracy: 1 %}}")
    edgecnn.run(str(pipeline), overrides, out=tmp_path / "mixed")
    manifest = Artifact.open(tmp_path / "mixed" / "artifacts" / "onnx-int8").manifest
    named = manifest.quantization["float_layers"]
    assert isinstance(named, list)
    assert manifest.inspection.float_ops >= len(named)
    assert manifest.precision == ("mixed" if named else "int8")


def test_an_unknown_rung_is_refused(hopeless: RunResult) -> None:
    pipeline = hopeless.directory.parent / "ladder.yaml"
    with pytest.raises(UsageError, match="method"):
        edgecnn.run(str(pipeline), ("targets.onnx-int8.quantize={method: best}",))
