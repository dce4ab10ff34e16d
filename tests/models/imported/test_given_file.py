"""The user's ONNX file is executed as it is, whatever another library makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from edgecnn.models.imported.given_file import OnnxFile
from edgecnn.models.resolve import resolve_model

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 8


def write_file(file: Path, *last: onnx.NodeProto, output: str = "scores", beside: bool = False) -> Path:
    """Write a classifier, with more operations behind it."""
    rng = np.random.default_rng(0)
    constants = [
        numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)
        for name, shape in {"kernel": (6, 3, 3, 3), "matrix": (6, 5)}.items()
    ]
    nodes = [
        helper.make_node("Conv", ["images", "kernel"], ["mapped"], name="conv", pads=[1] * 4),
        helper.make_node("Relu", ["mapped"], ["bent"], name="bend"),
        helper.make_node("GlobalAveragePool", ["bent"], ["pooled"], name="pool"),
        helper.make_node("Flatten", ["pooled"], ["row"], name="flatten"),
        helper.make_node("Gemm", ["row", "matrix"], ["scores"], name="dense"),
        *last,
    ]
    entrance = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])
    end = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("own", 1)]
    graph = helper.make_graph(nodes, "test", [entrance], [end], constants)
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.save(made, file, save_as_external_data=beside, size_threshold=0)
    return file


def image() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(1, 3, SIDE, SIDE)).astype(np.float32)


def differences(file: Path, *outputs: str) -> tuple[float, list[str]]:
    """Return how far network and file are apart, and the operations whose results differ."""
    module, _ = resolve_model(str(file), arguments={"outputs": list(outputs)} if outputs else {})
    given = OnnxFile(file, module)
    with torch.inference_mode():
        ours = module(torch.from_numpy(image())).numpy()
    (theirs,) = given.run(image())
    steps = list(given.trace(image()))
    assert steps, "no operation was compared"
    wrong = [step.operation for step in steps if not np.allclose(step.theirs, step.ours, atol=1e-4)]
    return float(np.abs(ours - theirs).max()), wrong


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("outputs", [(), ("bent",)])
def test_a_file_that_is_read_rightly_agrees(tmp_path: Path, beside: bool, outputs: tuple[str, ...]) -> None:
    far, wrong = differences(write_file(tmp_path / "net.onnx", beside=beside), *outputs)
    assert far < 1e-4
    assert not wrong


@pytest.mark.parametrize("outputs", [(), ("bent",)])
def test_what_onnx_ir_misreads_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: tuple[str, ...]
) -> None:
    """A library that doubles a kernel stands for one that reads a file otherwise than ONNX Runtime."""
    right = ir.serde.deserialize_model

    def misread(proto: onnx.ModelProto) -> ir.Model:
        wrong = onnx.ModelProto.FromString(proto.SerializeToString())
        for tensor in wrong.graph.initializer:
            if tensor.name == "kernel":
                tensor.raw_data = (2 * numpy_helper.to_array(tensor)).tobytes()
        return right(wrong)

    file = write_file(tmp_path / "net.onnx")
    monkeypatch.setattr(ir.serde, "deserialize_model", misread)
    far, wrong = differences(file, *outputs)
    assert far > 0.01
    assert wrong[0] == "Conv conv"


def test_a_file_is_cut_before_an_operation_that_the_runtime_lacks(tmp_path: Path) -> None:
    unknown = helper.make_node("Unknown", ["scores"], ["end"], name="unknown", domain="own")
    far, wrong = differences(write_file(tmp_path / "net.onnx", unknown, output="end"), "scores")
    assert far < 1e-4
    assert not wrong
