"""Advice on a small network of the user's own: every change is built and compiled by the real compiler."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import edgecnn
from edgecnn.backends.targets import load_target
from edgecnn.core.config.budgets import Budgets
from edgecnn.core.documents.advice import Advice, CompiledChange, NpuFigures
from edgecnn.core.documents.measured import Measured
from edgecnn.core.errors import MissingDependency, UsageError
from edgecnn.models.checkpoint import save_checkpoint
from edgecnn.models.resolve import resolve_model
from edgecnn.pipeline.advice.bench import VariantBench
from edgecnn.pipeline.advice.change import VariantRequest
from edgecnn.pipeline.stages.compile import CompileParameters
from edgecnn.proof.budgets import judge
from tests.support.checkpoints import permit

TARGET = "ethos-u55-128"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network at 64x64 pixels, with weights of its own."""
    folder = tmp_path_factory.mktemp("smooth")
    module, spec = resolve_model(
        "python:tests.support.smooth_net:build", contract_overrides={"height": 64, "width": 64}
    )
    save_checkpoint(folder, module, spec)
    permit(spec.builder)
    return folder


@pytest.fixture
def _tools(npu_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(npu_home))


@pytest.fixture(scope="module")
def advice(checkpoint: Path, npu_home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Advice, Path]:
    """Advice on it for 90 kB of SRAM, and where it was written."""
    out = tmp_path_factory.mktemp("advice")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(npu_home))
        return edgecnn.advise(str(checkpoint), TARGET, sram="90 kB", out=out), out


def test_smooth_activations_are_replaced_and_the_gain_is_compiled(advice: tuple[Advice, Path]) -> None:
    made, _ = advice
    swaps = {
        next(iter(trial.change.activations.values())): trial
        for trial in made.trials
        if trial.change.activations
    }
    assert swaps.keys() == {"Hardswish", "ReLU6"}
    relu6, before = swaps["ReLU6"], made.before
    assert isinstance(relu6, CompiledChange)
    assert _operators(relu6) < _operators(before), "ReLU6 is part of the convolution before it"
    assert (relu6.cycles or 0) < (before.cycles or 0)
    assert any(trial.change.name.endswith("-> ReLU6") for trial in made.useful)


def _operators(figures: NpuFigures) -> int:
    """Return how many operators a file has, of which the NPU runs all but some."""
    return round(figures.cpu_ops / (1 - figures.npu_coverage))


def test_a_resize_that_falls_off_the_npu_is_brought_back(advice: tuple[Advice, Path]) -> None:
    made, _ = advice
    assert "GATHER_ND" in made.before.cpu_operators
    assert any(item.operator == "GATHER_ND" and "bilinear" in item.instead for item in made.remarks)
    resized = {trial.change.resize: trial for trial in made.trials if trial.change.resize}
    assert resized.keys() == {"nearest", "bilinear"}
    for report in resized.values():
        assert isinstance(report, CompiledChange)
        assert report.npu_coverage == 1 > made.before.npu_coverage


def test_an_input_size_is_found_that_fits_the_memory(advice: tuple[Advice, Path]) -> None:
    made, _ = advice
    (trial,) = (trial for trial in made.trials if trial.change.size)
    assert trial.change.size == (32, 32)
    before, after = made.before, trial
    assert isinstance(after, CompiledChange)
    assert (after.sram_bytes or 0) <= 90_000 < (before.sram_bytes or 0)


def test_advice_is_written_for_programs_and_readers(advice: tuple[Advice, Path]) -> None:
    made, out = advice
    document = json.loads((out / "advice.json").read_text())
    assert document["before"]["cycles"] == made.before.cycles
    assert all(trial["checked"] for trial in document["trials"])
    assert "no silicon was involved" in (out / "advice.md").read_text()


@pytest.mark.usefixtures("_tools")
def test_one_channel_more_in_one_layer_is_caught_by_the_cycle_budget(
    advice: tuple[Advice, Path], checkpoint: Path, tmp_path: Path
) -> None:
    before = advice[0].before.cycles
    assert before is not None
    parameters = CompileParameters.of(load_target(TARGET))
    network = VariantRequest(str(checkpoint), {"channels": 25}, parameters.compiler, tmp_path)
    bench = VariantBench(network, parameters)
    bench.describe()
    wider = bench.compile().cycles
    (result,) = judge(Budgets(cycles=before), Measured(cycles=wider))
    assert not result.passed, f"{wider} cycles with a channel more, {before} without"
    assert judge(Budgets(cycles=before), Measured(cycles=before))[0].passed


def test_what_cannot_be_advised_on_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no advice for qualcomm-htp"):
        edgecnn.advise(str(checkpoint), "qualcomm-htp")
    with pytest.raises(UsageError, match="target 'tflite-int8' has no NPU"):
        edgecnn.advise(str(checkpoint), "tflite-int8")
    with pytest.raises(UsageError, match="sram: 'much' is not a size"):
        edgecnn.advise(str(checkpoint), TARGET, sram="much")


@pytest.mark.slow
def test_without_the_toolchain(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path))
    with pytest.raises(MissingDependency, match="'vela' is not installed"):
        edgecnn.advise(str(checkpoint), TARGET)
