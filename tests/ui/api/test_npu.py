"""The small pipeline through an NPU and a microcontroller, from its training to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.manifest import Artifact
from edgecnn.pipeline.run import RunResult
from tests.support import tiny_models as tiny

TARGETS = ("ethos-u55-128", "tflite-micro")
ONLY = (
    f"targets=[{', '.join(TARGETS)}]",
    "budgets={'*': {size: 2 MB, accuracy_drop: 20 %}, "
    "ethos-u55-128: {cycles: 1000000, sram: 1 MB, subgraphs: 1}, tflite-micro: {arena: 1 MB}}",
)


@pytest.fixture(scope="session")
def npu_run(
    npu_tools: None, pipeline_file: Path, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunResult:
    """The run of both targets; what the run of all targets has made is reused where it came before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(home))
        out = tmp_path_factory.mktemp("npu") / "shapes"
        result: RunResult = edgecnn.run(str(pipeline_file), ONLY, out=out)
        return result


def artifact(npu_run: RunResult, name: str) -> Artifact:
    return Artifact.open(npu_run.directory / "artifacts" / name)


def test_both_ship_with_the_bits_of_the_reference_kernels(npu_run: RunResult) -> None:
    errors = {target.target: str(target.error) for target in npu_run.targets if target.error}
    assert not errors
    for name in TARGETS:
        manifest = artifact(npu_run, name).manifest
        kernels = next(link for link in manifest.verification if link.name == "kernels")
        assert kernels.metrics["max_abs"] == 0, f"{name} does not compute what the reference kernels do"
        assert manifest.metrics is not None
        assert manifest.metrics.n == 60
        assert not manifest.latency, "the speed of a simulator is not measured"


def test_the_manifest_holds_the_npus_figures(npu_run: RunResult) -> None:
    manifest = artifact(npu_run, "ethos-u55-128").manifest
    npu = manifest.npu
    assert npu is not None
    assert (npu.npu_coverage, npu.cpu_ops) == (1.0, 0)
    assert npu.cycles is not None
    assert npu.cycles > 0
    assert manifest.size_bytes == npu.compiled_bytes, "what goes to the device is what counts"
    assert set(manifest.files) == {"model.tflite", "compiled.tflite"}
    assert manifest.tools["ethos-u-vela"] == npu.version
    assert {item.name for item in manifest.budgets} >= {"npu_coverage", "cpu_ops", "cycles", "sram"}
    runtime = artifact(npu_run, "tflite-micro").manifest.runtime
    assert runtime is not None
    assert runtime.memory_bytes["arena"] > 0


def test_the_summary_says_what_the_figures_are_worth(npu_run: RunResult) -> None:
    text = (npu_run.directory / "summary.md").read_text()
    assert "estimated by the compiler; no silicon was involved (vela 5.2.0" in text
    assert "tflite-micro: arena of" in text


def test_a_cycle_budget_catches_one_cycle_more(
    npu_run: RunResult, pipeline_file: Path, tmp_path: Path
) -> None:
    npu = artifact(npu_run, "ethos-u55-128").manifest.npu
    assert npu is not None
    assert npu.cycles is not None
    cycles = npu.cycles
    tight = ("targets=[ethos-u55-128]", f"budgets={{ethos-u55-128: {{cycles: {cycles - 1}}}}}")
    result = edgecnn.run(str(pipeline_file), tight, out=tmp_path / "tight")
    assert result.exit_code == 3
    assert f"cycles {cycles} (at most {cycles - 1})" in str(result.error)
    exact = ("targets=[ethos-u55-128]", f"budgets={{ethos-u55-128: {{cycles: {cycles}}}}}")
    assert edgecnn.run(str(pipeline_file), exact, out=tmp_path / "exact").exit_code == 0


def test_an_artifact_evaluates_in_the_simulator(npu_run: RunResult, photos: Path) -> None:
    found = artifact(npu_run, "tflite-micro")
    result = edgecnn.evaluate(found.directory, str(photos), limit=9)
    assert result.n == 9


def test_inspect_shows_every_layer_and_writes_the_report(npu_run: RunResult, tmp_path: Path) -> None:
    found = artifact(npu_run, "ethos-u55-128")
    result = edgecnn.inspect(found.directory, out=tmp_path / "report")
    assert (result["npu_coverage"], result["cpu_ops"]) == (1.0, 0)
    assert result["sram_bytes"] > 0
    assert result["precision"] == "int8"
    assert len(result["to_change"]) == 3
    assert json.loads((tmp_path / "report" / "npu.json").read_text())["cycles"] == result["cycles"]
    assert (tmp_path / "report" / "npu.md").read_text().startswith("# On the NPU")
    assert (tmp_path / "report" / "npu.svg").read_text().startswith("<svg")


def test_a_file_is_compiled_on_request(npu_run: RunResult) -> None:
    model = artifact(npu_run, "tflite-micro").model
    result = edgecnn.inspect(model, target="ethos-u85-256")
    assert result["accelerator"] == "ethos-u85-256"
    assert result["target"] == "ethos-u85-256"


def test_what_has_no_npu_has_no_report(npu_run: RunResult, tmp_path: Path) -> None:
    micro = artifact(npu_run, "tflite-micro").directory
    with pytest.raises(UsageError, match="was not compiled for an NPU"):
        edgecnn.inspect(micro, out=tmp_path / "report")
    with pytest.raises(UsageError, match="target 'tflite-int8' has no NPU"):
        edgecnn.inspect(micro, target="tflite-int8")
    with pytest.raises(InputError, match="is fp32, and an NPU runs integer files only"):
        edgecnn.inspect(tiny.write_tflite(tmp_path / "a.tflite", quantized=False), target="ethos-u55-128")
    with pytest.raises(InputError, match="is no tflite file"):
        edgecnn.inspect(tiny.write_onnx(tmp_path / "a.onnx"), target="ethos-u55-128")


def test_an_unknown_accelerator_is_refused_with_its_line(pipeline_file: Path, tmp_path: Path) -> None:
    wrong = ("targets=[ethos-u55-128]", "targets={ethos-u55-128: {compile: {accelerator: ethos-u55-100}}}")
    with pytest.raises(UsageError, match=r"compile\.accelerator"):
        edgecnn.run(str(pipeline_file), wrong, out=tmp_path / "wrong")
