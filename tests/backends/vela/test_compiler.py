"""The real compiler on the tiny network, and every way in which it can fail."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edgecnn.backends.compiler import CompileJob
from edgecnn.backends.targets import load_target
from edgecnn.backends.vela.compiler import Vela, read_estimate
from edgecnn.core.documents.npu import NpuReport
from edgecnn.core.errors import InputError, MissingDependency, WorkerError
from edgecnn.devices.local import LocalDevice
from edgecnn.pipeline.stages.compile import CompileParameters, compile_network
from tests.core.toolchains.test_environment import fake
from tests.support import tiny_models as tiny
from tests.support.tflite_surgery import write_reversed

if TYPE_CHECKING:
    from pathlib import Path

U55 = CompileParameters.of(load_target("ethos-u55-128"))
U85 = CompileParameters.of(load_target("ethos-u85-256"))


@pytest.fixture
def _tools(npu_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(npu_home))


def compiled(model: Path, parameters: CompileParameters, tmp_path: Path) -> NpuReport:
    return compile_network(
        model, tmp_path / "compiled.tflite", parameters, log=tmp_path / "log", scratch=tmp_path / "scratch"
    )


@pytest.mark.usefixtures("_tools")
@pytest.mark.parametrize("parameters", [U55, U85])
def test_a_whole_network_on_the_npu(parameters: CompileParameters, tmp_path: Path) -> None:
    report = compiled(tiny.write_tflite(tmp_path / "net.tflite", quantized=True), parameters, tmp_path)
    assert report.accelerator == parameters.options["accelerator"]
    assert (report.npu_coverage, report.cpu_ops, report.subgraphs) == (
        1.0,
        0,
        1,
    )
    assert report.cycles == sum(layer.cycles or 0 for layer in report.layers)
    assert report.cycles
    conv = max(report.layers, key=lambda layer: layer.macs)
    assert conv.macs == tiny.CLASSES * tiny.SIZE * tiny.SIZE * 3
    assert (tmp_path / "compiled.tflite").stat().st_size == report.compiled_bytes
    again = compiled(tmp_path / "net.tflite", parameters, tmp_path)
    assert again == report, "the same file gives the same figures, to the last cycle"


@pytest.mark.usefixtures("_tools")
def test_an_operator_left_to_the_cpu_is_counted_and_named(tmp_path: Path) -> None:
    report = compiled(write_reversed(tmp_path / "net.tflite"), U55, tmp_path)
    assert report.cpu_ops == 1
    assert report.cpu_operators == ("REVERSE_V2",)
    assert report.ops_coverage == pytest.approx(2 / 3)
    assert report.npu_coverage == report.ops_coverage
    first = report.costliest()[0]
    why = first.advice()
    assert (first.name, first.bound) == ("fronted", "cpu")
    assert "runs on the CPU" in why


@pytest.mark.usefixtures("_tools")
def test_a_float_file_is_refused_before_the_compiler_sees_it(tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=False)
    with pytest.raises(InputError, match=r"net\.tflite is fp32, and an NPU runs integer files only"):
        compiled(model, U55, tmp_path)
    assert not (tmp_path / "scratch").exists()


@pytest.mark.usefixtures("_tools")
def test_an_unknown_memory_is_the_compilers_word(tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=True)
    with pytest.raises(WorkerError, match=r"vela, compiling net\.tflite for ethos-u55-128 failed"):
        compiled(model, replace(U55, options={**U55.options, "system_config": "No_Such_System"}), tmp_path)


def test_without_the_toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    with pytest.raises(MissingDependency, match="'vela' is not installed"):
        compiled(tiny.write_tflite(tmp_path / "net.tflite", quantized=True), U55, tmp_path)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 0", "vela ended well but wrote no network_vela.tflite"),
        ("echo 'Error: Unsupported'; exit 1", "failed with exit code 1: Error: Unsupported"),
        ("kill -SEGV $$", "crashed with SIGSEGV"),
        ("exec sleep 60", "did not finish in 1 s"),
    ],
)
def test_a_compiler_that_fails(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    python = fake(tmp_path, "vela").python
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    model = tiny.write_tflite(tmp_path / "net.tflite", quantized=True)
    files = (tmp_path / "log", tmp_path / "scratch")
    with pytest.raises(WorkerError, match=message):
        Vela(**U55.options).compile(CompileJob(model, tmp_path / "out", LocalDevice().open, *files, 1.0))


SUMMARY = {
    "accelerator_configuration": "Ethos_U55_128",
    "system_config": "S",
    "memory_mode": "M",
    "core_clock": "500000000.0",
    "cycles_total": "10",
    "inference_time": "0.001",
    "sram_memory_used": "1.5",
    "dram_memory_used": "0.0",
    "on_chip_flash_memory_used": "0.0",
    "off_chip_flash_memory_used": "2.0",
}
LAYERS = (
    "Original Operator,NNG Operator,Target,Staging Usage,Op Cycles,NPU,SRAM AC,DRAM AC,OnFlash AC,"
    "OffFlash AC,MAC Count,Util% (MAC),Name\n"
    "Conv2D,Conv2D,NPU,100,10,4,3,0,0,10,64,12.5,conv\n"
    "Conv2D,Relu6,NPU,0,0,0,0,0,0,0,0,100,conv\n"
)


def write_reports(folder: Path, summary: dict[str, str], layers: str = LAYERS) -> tuple[Path, Path]:
    (folder / "summary.csv").write_text(f"{','.join(summary)}\n{','.join(summary.values())}\n")
    (folder / "layers.csv").write_text(layers)
    return folder / "summary.csv", folder / "layers.csv"


def test_report_files_are_read(tmp_path: Path) -> None:
    estimate = read_estimate(*write_reports(tmp_path, SUMMARY))
    assert (estimate.cycles, estimate.milliseconds) == (10, 1.0)
    assert (estimate.sram_bytes, estimate.flash_bytes) == (1536, 2048)
    (layer,) = estimate.layers
    assert (layer.bound, layer.utilization) == ("flash", 0.125), "the fused activation is no layer of its own"


@pytest.mark.parametrize(
    ("summary", "layers"),
    [
        ({key: value for key, value in SUMMARY.items() if key != "cycles_total"}, LAYERS),
        ({**SUMMARY, "sram_memory_used": "much"}, LAYERS),
        ({**SUMMARY, "cycles_total": "inf"}, LAYERS),
        (SUMMARY, LAYERS.replace("Op Cycles", "Cycles")),
        (SUMMARY, LAYERS + "cut,off\n"),
    ],
)
def test_reports_of_another_version_are_refused(summary: dict[str, str], layers: str, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="not a report of the pinned version"):
        read_estimate(*write_reports(tmp_path, summary, layers))


def test_nothing_on_the_npu_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="no operator on the NPU"):
        read_estimate(*write_reports(tmp_path, {**SUMMARY, "cycles_total": "0"}))
