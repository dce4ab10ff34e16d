"""Qualcomm's compiler and simulator; most of it where its toolchain is installed (`make test-all`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest

from edgecnn.backends.compiler import CompileJob
from edgecnn.backends.qnn.options import Soc
from edgecnn.backends.qnn.runtime import SOCS, QnnHtp
from edgecnn.backends.targets import load_target
from edgecnn.backends.worker.runtime import Options
from edgecnn.core.errors import InputError, MissingDependency, UsageError, WorkerError
from edgecnn.devices.local import LocalDevice
from edgecnn.pipeline.stages.compile import CompileParameters, compile_network
from tests.support import tiny_models as tiny

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.npu import NpuReport

SM8650 = CompileParameters.of(load_target("qualcomm-htp"))


def compiled(model: Path, parameters: CompileParameters, folder: Path) -> NpuReport:
    return compile_network(
        model, folder / "compiled.onnx", parameters, log=folder / "log", scratch=folder / "s"
    )


def test_every_chip_of_the_targets_is_one_that_the_runtime_knows() -> None:
    assert set(get_args(Soc)) == set(SOCS)


def test_an_unknown_chip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'sm1' is no chip") as caught:
        QnnHtp.open(tmp_path / "net.onnx", Options(extra={"soc": "sm1"}))
    assert "sm8650" in str(caught.value.hint)
    with pytest.raises(UsageError, match="qnn has no option fast"):
        QnnHtp.open(tmp_path / "net.onnx", Options(extra={"soc": "sm8650", "fast": "1"}))


def test_without_the_toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path))
    with pytest.raises(MissingDependency, match="'qnn' is not installed") as caught:
        compiled(tiny.write_quantized_onnx(tmp_path / "net.onnx"), SM8650, tmp_path)
    assert caught.value.hint == "edgecnn toolchain install qnn"


def test_a_float_file_is_refused_before_the_compiler_sees_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"net\.onnx is fp32, and an NPU runs integer files only"):
        compiled(tiny.write_onnx(tmp_path / "net.onnx"), SM8650, tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("qnn_home")
def test_a_whole_network_on_the_htp_of_each_chip(tmp_path: Path) -> None:
    model = tiny.write_quantized_onnx(tmp_path / "net.onnx")
    report = compiled(model, SM8650, tmp_path)
    assert (report.npu_coverage, report.cpu_ops, report.subgraphs) == (1, 0, 1)
    assert [layer.operator for layer in report.layers] == ["Conv", "Flatten"]
    assert report.cycles is None, "QNN tells no cycles, and none are made up"
    first = (tmp_path / "compiled.onnx").read_bytes()
    compiled(model, replace(SM8650, options={"soc": "sm8550"}), tmp_path)
    assert (tmp_path / "compiled.onnx").read_bytes() != first, "a context binary is for one chip"


@pytest.mark.slow
@pytest.mark.usefixtures("qnn_home")
def test_outputs_lie_within_two_steps_of_onnx_runtime(tmp_path: Path) -> None:
    model = tiny.write_quantized_onnx(tmp_path / "net.onnx")
    generator = np.random.default_rng(1)
    inputs = [generator.uniform(-3, 3, (1, 3, 8, 8)).astype(np.float32) for _ in range(6)]
    device, log = LocalDevice(), tmp_path / "log"
    with (
        device.open("onnxruntime", model, log=log, execution="reference") as reference,
        device.open("qnn", model, log=log, extra=SM8650.options) as htp,
    ):
        assert htp.description.providers == ("HTP of sm8650, simulated",)
        for item in inputs:
            gap = np.abs(reference.run([item])[0] - htp.run([item])[0]).max()
            assert gap <= 2 * 25.6 / 255 + 1e-5


@pytest.mark.slow
@pytest.mark.usefixtures("qnn_home")
def test_nothing_falls_back_to_the_cpu_unseen(tmp_path: Path) -> None:
    """A float64 network is ONNX, but nothing that the HTP has."""
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Exp", ["x"], ["y"], name="exp")],
        "double",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [1, 4])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "d.onnx",
    )
    with pytest.raises(InputError, match="fallback to CPU EP has been explicitly disabled"):
        LocalDevice().open("qnn", tmp_path / "d.onnx", log=tmp_path / "log", extra=SM8650.options)
    from edgecnn.backends.qnn.compiler import Qnn

    with pytest.raises(WorkerError, match="put no operation on the HTP of sm8650"):
        Qnn("sm8650").compile(
            CompileJob(
                tmp_path / "d.onnx", tmp_path / "out", LocalDevice().open, tmp_path / "log", tmp_path / "s"
            )
        )
