"""Rockchip's compiler and simulator; most of it where its toolchain is installed (`make test-all`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgecnn.backends.rknn.compiler import read_build
from edgecnn.backends.targets import load_target
from edgecnn.core.errors import InputError, MissingDependency, WorkerError
from edgecnn.devices.local import LocalDevice
from edgecnn.pipeline.stages.compile import CompileParameters, compile_network
from tests.support import tiny_models as tiny

if TYPE_CHECKING:
    from pathlib import Path

RK3588 = CompileParameters.of(load_target("rockchip-rk3588"))

# Printed by version 2.5.0.
_ROWS = r"""
ID   OpType  DataType Target InputShape OutputShape Cycles(DDR/NPU/Total) RW(KB) FullName
0    InputOperator   INT8  NPU  \            (1,1,28,28)   0/0/0          0   InputOperator:input
1    Conv            INT8  NPU  (1,1,28,28),(32,1,3,3),(32)  (1,32,14,14)  504/1872/1872  5  Conv:conv_1
9    ConvAdd         INT8  NPU  (1,72,14,14),(24),...  (1,24,14,14)  1278/832/1278  23  Conv:conv_11_ConvAdd
22   Reshape         INT8  CPU  (1,10,1,1),(2)  (1,10)  0/0/0  0  Reshape:output_mm_tp_rs
23   OutputOperator  INT8  CPU  (1,10)   \      0/0/0  0   OutputOperator:output
Total Internal Memory Size: 49KB
Total Weight Memory Size: 95.0625KB
"""
BUILD = "\n".join(f"D RKNN: [21:03:44.332] {row}" for row in _ROWS.strip().splitlines())


def test_what_a_build_prints_is_read() -> None:
    estimate, partition = read_build(BUILD, "rk3588", {"conv_1": 600, "conv_11": 300})
    assert [(layer.name, layer.cycles, layer.macs, layer.bound) for layer in estimate.layers] == [
        ("conv_1", 1872, 600, "compute"),
        ("conv_11_ConvAdd", 1278, 300, "DRAM"),
        ("output_mm_tp_rs", None, 0, "cpu"),
    ]
    assert (estimate.cycles, estimate.dram_bytes) == (3150, 49 * 1024 + 97344)
    assert (partition.cpu_ops, partition.cpu_operators, partition.subgraphs) == (1, ("Reshape",), 1)
    assert partition.npu_coverage == pytest.approx(2 / 3)


@pytest.mark.parametrize("text", ["", BUILD.replace("Total", "Whole"), BUILD.replace("INT8", "")])
def test_what_another_version_prints_is_refused(text: str) -> None:
    with pytest.raises(WorkerError, match="no table of layers that the pinned version would print"):
        read_build(text, "rk3588", {})


def test_without_the_toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path))
    model = tiny.write_quantized_onnx(tmp_path / "net.onnx")
    with pytest.raises(MissingDependency, match="'rknn' is not installed") as caught:
        compile_network(model, tmp_path / "out", RK3588, log=tmp_path / "log", scratch=tmp_path / "s")
    assert caught.value.hint == "edgecnn toolchain install rknn"


@pytest.mark.slow
@pytest.mark.usefixtures("rknn_home")
def test_a_network_is_compiled_and_simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    model = tiny.write_quantized_onnx(tmp_path / "net.onnx")
    report = compile_network(model, tmp_path / "out", RK3588, log=tmp_path / "log", scratch=tmp_path / "s")
    assert report.cycles
    assert report.macs_coverage == 1
    assert (tmp_path / "out").stat().st_size == report.compiled_bytes
    inputs = [np.random.default_rng(1).uniform(-3, 3, (1, 3, 8, 8)).astype(np.float32)]
    device, log = LocalDevice(), tmp_path / "log"
    with (
        device.open("onnxruntime", model, log=log, execution="reference") as reference,
        device.open("rknn", model, log=log, extra=RK3588.options) as simulator,
    ):
        gap = np.abs(reference.run(inputs)[0] - simulator.run(inputs)[0]).max()
    assert gap <= 2 * 25.6 / 255 + 1e-5
    assert not list((tmp_path / "here").iterdir()), "the toolkit's files lie in the user's directory"


@pytest.mark.slow
@pytest.mark.usefixtures("rknn_home")
def test_what_is_not_quantized_is_refused(tmp_path: Path) -> None:
    model = tiny.write_onnx(tmp_path / "net.onnx")
    with pytest.raises(InputError, match="is not quantized, and the NPU runs integer files only"):
        LocalDevice().open("rknn", model, log=tmp_path / "log", extra=RK3588.options)
    model.write_bytes(b"not a model" * 100)
    with pytest.raises(InputError, match="cannot be opened by rknn"):
        LocalDevice().open("rknn", model, log=tmp_path / "log", extra=RK3588.options)
