"""Pruning as part of a pipeline: through the stages, out of the store, into every format."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

import edgecnn
from edgecnn.core.errors import InputError, MissingDependency, UsageError
from edgecnn.core.store.manifest import Artifact
from edgecnn.models.checkpoint import load_checkpoint
from edgecnn.pipeline.step import Status

if TYPE_CHECKING:
    from edgecnn.pipeline.run import RunResult

PIPELINE = """\
name: thin
model: {{name: "zoo:mobilenetv2", arguments: {{width: 0.5, head: 64, dropout: 0.0, stages: {stages}}}}}
preprocessing: {{height: 32, width: 32, resize: squash}}
data: {{train: "{photos}", eval: "{photos}", calibration: {{count: 24}}}}
train: {{epochs: 12, batch_size: 12, batch_norm_momentum: 0.3, optimizer: {{lr: 0.01}}}}
prune:
  macs: 0.5
  steps: 2
  epochs: 4
  lr: 0.005
  images: 30
  sensitivity: true
  control: true
  distill: {{features: 1.0}}
verification: {{images: 8}}
benchmark: null
targets: {{onnx-int8: {{channel_multiple: 4, verification: {{task_drop: 90 %}}}}}}
budgets: {{"*": {{unpruned_drop: 90 %}}}}
"""
STAGES = "[[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 1, 2]]"
LOAD = """\
import sys, torch
from pathlib import Path
from edgecnn.models.checkpoint import load_checkpoint
module, spec = load_checkpoint(Path(sys.argv[1]))
torch.manual_seed(0)
print(module.eval()(torch.randn(2, 3, 32, 32)).flatten().tolist())
"""


@pytest.fixture(scope="session")
def pruned_file(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipeline as a file."""
    path = tmp_path_factory.mktemp("pipeline") / "thin.yaml"
    path.write_text(PIPELINE.format(photos=photos, stages=STAGES))
    return path


@pytest.fixture(scope="session")
def pruned(pruned_file: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The pipeline's run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(home))
        result: RunResult = edgecnn.run(str(pruned_file), out=tmp_path_factory.mktemp("runs") / "thin")
        return result


def test_the_run_shows_what_pruning_took_and_cost(pruned: RunResult) -> None:
    assert pruned.exit_code == 0, str(pruned.error)
    summary = json.loads((pruned.directory / "summary.json").read_text())
    pruning = summary["pruning"]
    for cost in ("macs", "params"):
        assert pruning[cost]["after"] < pruning[cost]["before"]
    assert 0.3 < pruning["macs"]["after"] / pruning["macs"]["before"] <= 0.5
    assert set(pruning["accuracy"]) == {"unpruned", "pruned", "finetuned", "control"}
    assert len(pruning["sensitivity"]["groups"]) == len(pruning["groups"])
    text = (pruned.directory / "summary.md").read_text()
    assert "## Pruning" in text
    assert "control: unpruned, trained on as long" in text
    assert (pruned.directory / "sensitivity.svg").read_text().startswith("<svg")


def test_prunings_and_trainings_take_turns_on_one_schedule(pruned: RunResult) -> None:
    steps = {result.step.id: result for result in pruned.steps}
    assert [name for name in steps if name.partition(":")[0] in ("prune", "finetune")] == [
        "prune:1",
        "finetune:1",
        "prune:2",
        "finetune:2",
    ]
    histories = []
    for name in ("finetune:1", "finetune:2", "prune-control"):
        entry = steps[name].entry
        assert entry is not None
        history = entry.record.to_json()["notes"]["training"]["history"]
        histories.append([(epoch["epoch"], epoch["lr"]) for epoch in history])
    assert histories[0] + histories[1] == histories[2], "the control has the same learning rates"


def test_the_manifest_says_what_the_file_lost_to_pruning(pruned: RunResult) -> None:
    manifest = Artifact.open(pruned.directory / "artifacts" / "onnx-int8").manifest
    pruning, metrics = manifest.pruning, manifest.metrics
    assert pruning is not None
    assert metrics is not None
    assert pruning.goal == {"macs": 0.5}
    assert metrics.unpruned_drop == pytest.approx(pruning.accuracy["unpruned"] - metrics.value)
    assert [budget.name for budget in manifest.budgets] == ["unpruned_drop", "integer_macs"]
    assert manifest.source.widths, "every width is in the manifest"


def test_the_checkpoint_answers_alike_in_a_fresh_process(pruned: RunResult) -> None:
    checkpoint = pruned.directory / "checkpoint"
    spec = json.loads((checkpoint / "spec.json").read_text())
    assert spec["widths"]
    names = sorted(path.name for path in checkpoint.iterdir())
    assert names == ["SHA256SUMS", "model.safetensors", "spec.json"], "there is no pickle"
    command = [sys.executable, "-c", LOAD, str(checkpoint)]
    there = subprocess.run(command, capture_output=True, text=True, check=True)
    module, _ = load_checkpoint(checkpoint)
    torch.manual_seed(0)
    here = module.eval()(torch.randn(2, 3, 32, 32)).flatten().tolist()
    assert json.loads(there.stdout) == here


def test_nothing_finished_is_redone(pruned: RunResult, pruned_file: Path, tmp_path: Path) -> None:
    again = edgecnn.run(str(pruned_file), ("prune.control=false",), out=tmp_path / "again")
    made = {result.step.id for result in again.steps if result.status is Status.MADE}
    assert made == {"pruned"}


def test_a_share_out_of_reach_ends_the_run(pruned: RunResult, pruned_file: Path, tmp_path: Path) -> None:
    wanted = "prune={macs: 0.02, importance: l2, images: 30, epochs: 1}"
    result = edgecnn.run(str(pruned_file), (wanted, "budgets={}"), out=tmp_path / "far")
    assert result.exit_code == 2
    assert "cannot be pruned to 0.02 of its macs: with every layer at its smallest width" in str(result.error)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("prune.multiple=6", "prune.multiple 6 is not a multiple of 4, in which target onnx-int8"),
        ("prune={latency: {target: onnx-fp32, ratio: 0.5}}", "'onnx-fp32' is no target of this pipeline"),
        ("prune={macs: 0.5, params: 0.5}", "exactly one of macs, params, size, latency"),
        ("prune.macs=2", "prune.macs: 2 is not a share; did you mean 2 %"),
        ("data={calibration: {source: PHOTOS}}", "the pipeline trains, but data.train names no dataset"),
    ],
    ids=lambda value: value.partition("=")[0],
)
def test_what_cannot_be_is_refused_before_anything_runs(
    override: str, message: str, pruned_file: Path, photos: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        edgecnn.run(str(pruned_file), (override.replace("PHOTOS", str(photos)),))


def test_pruning_that_learns_needs_labelled_images(pruned_file: Path, photos: Path) -> None:
    data = f"data={{calibration: {{source: {photos}}}}}"
    with pytest.raises(UsageError, match=r"prune\.epochs 4 needs labelled images"):
        edgecnn.run(str(pruned_file), ("train=null", data))
    with pytest.raises(UsageError, match=r"prune\.importance taylor needs labelled images"):
        edgecnn.run(str(pruned_file), ("train=null", data, "prune={macs: 0.5, epochs: 0}"))


def test_a_latency_without_its_runtime_is_refused_before_anything_runs(pruned_file: Path) -> None:
    wanted = (
        "prune={latency: {target: tflite-int8, ratio: 0.5}}",
        "targets={tflite-int8: {runtime: tflite-runtime}}",
    )
    with pytest.raises(MissingDependency, match="needs the package 'tflite-runtime'") as caught:
        edgecnn.run(str(pruned_file), wanted)
    assert caught.value.exit_code == 5


@pytest.mark.slow
def test_a_size_is_met_and_a_latency_measured(pruned: RunResult, pruned_file: Path, tmp_path: Path) -> None:
    whole = Artifact.open(pruned.directory / "artifacts" / "onnx-int8").manifest.size_bytes
    common = "importance: l2, images: 30, epochs: 1"
    limit = round(0.8 * whole)
    small = edgecnn.run(
        str(pruned_file), (f"prune={{size: {limit}, {common}}}", "budgets={}"), out=tmp_path / "a"
    )
    assert small.exit_code == 0, str(small.error)
    manifest = Artifact.open(small.directory / "artifacts" / "onnx-int8").manifest
    assert 0.8 * limit < manifest.size_bytes <= limit
    goal = f"prune={{latency: {{target: onnx-int8, ratio: 0.01, seconds: 1}}, {common}}}"
    fast = edgecnn.run(str(pruned_file), (goal, "budgets={}"), out=tmp_path / "b")
    assert isinstance(fast.error, InputError)
    assert "latency 0.01 of onnx-int8 cannot be reached by pruning: with 0." in str(fast.error)


@pytest.mark.slow
def test_a_pruned_network_ships_in_every_format(pruned_file: Path, tmp_path: Path) -> None:
    names = ("onnx-fp32", "onnx-int8", "tflite-fp32", "tflite-int8", "openvino-fp16", "openvino-int8")
    targets = "targets=" + json.dumps({name: {"verification": {"task_drop": 0.9}} for name in names})
    scope = "prune={macs: 0.6, scope: sensitivity, importance: lamp, epochs: 2, images: 30}"
    result = edgecnn.run(str(pruned_file), (targets, scope), out=tmp_path / "all")
    assert result.exit_code == 0, str(result.error)
    assert all(target.ships for target in result.targets)


@pytest.mark.slow
@pytest.mark.usefixtures("npu_tools")
def test_a_pruned_network_ships_on_npus(pruned_file: Path, tmp_path: Path) -> None:
    names = ("ethos-u55-128", "ethos-u65-256", "ethos-u85-256", "tflite-micro")
    targets = {name: {"verification": {"task_drop": 0.9}} for name in names}
    overrides = (f"targets={json.dumps(targets)}", "prune={macs: 0.7, epochs: 2, images: 30}", "budgets={}")
    result = edgecnn.run(str(pruned_file), overrides, out=tmp_path / "npus")
    assert result.exit_code == 0, str(result.error)
    for name in names:
        manifest = Artifact.open(result.directory / "artifacts" / name).manifest
        assert manifest.pruning is not None
        assert manifest.pruning.macs.after < manifest.pruning.macs.before
        kernels = next(link for link in manifest.verification if link.name == "kernels")
        assert kernels.metrics["max_abs"] == 0, f"{name} does not compute what the reference kernels do"
        if name != "tflite-micro":
            assert manifest.npu is not None
            assert manifest.npu.npu_coverage == 1.0
