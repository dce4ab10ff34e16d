"""ONNX files as they come out of the exporter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx_ir.passes.common import RemoveUnusedNodesPass

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.onnx.lower import OPSET
from edgecnn.backends.onnx.rewrite import PoolGlobally, rewrite
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.tensor import TensorInfo
from tests.backends.conftest import CONTRACT, Make


def test_the_file_answers_as_torch_does(lower: Make, calibration: Path, truth: np.ndarray) -> None:
    session = onnxruntime.InferenceSession(lower("onnx").file)
    images = Calibration.open(
        QuantizeRequest("int8", calibration, "any"), "NCHW", TensorInfo("input", (1, 3, 32, 32), "float32")
    )
    answers = np.concatenate([session.run(["output"], {"input": image})[0] for image in images])
    assert np.abs(answers - truth).max() < 1e-4


def test_the_graph_is_static_clean_and_carries_its_contract(lower: Make) -> None:
    model = onnx.load(lower("onnx").file)
    assert [item.version for item in model.opset_import if item.domain == ""] == [OPSET]
    assert [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim] == [1, 3, 32, 32]
    kinds = {node.op_type for node in model.graph.node}
    assert kinds == {"Conv", "Clip", "Add", "GlobalAveragePool", "Reshape", "Gemm"}, "BN folds, means pool"
    properties = {item.key: item.value for item in model.metadata_props}
    assert Contract.from_json(json.loads(properties["edgecnn.contract"])) == CONTRACT


def test_the_file_says_nothing_of_this_machine(lower: Make) -> None:
    data = lower("onnx").file.read_bytes()
    for trace in (b".py", b"site-packages", str(Path.cwd()).encode()):
        assert trace not in data


@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("axes", [[2, 3], [-1, -2]])
def test_a_spatial_mean_becomes_a_pool_of_equal_value(keepdims: int, axes: list[int]) -> None:
    model = _mean(axes, keepdims, [1, 4, 5, 6])
    image = np.random.default_rng(0).normal(size=(1, 4, 5, 6)).astype(np.float32)
    before = _run(model, image)
    rewrite(model, PoolGlobally(), RemoveUnusedNodesPass())
    onnx.checker.check_model(model, full_check=True)
    assert "ReduceMean" not in {node.op_type for node in model.graph.node}
    assert not model.graph.initializer, "the axes are of no use any more"
    assert np.allclose(_run(model, image), before, atol=1e-6)


@pytest.mark.parametrize(("axes", "shape"), [([1], [1, 4, 5, 6]), ([1, 2], [1, 4, 5]), ([2], [1, 4, 5, 6])])
def test_other_means_stay(axes: list[int], shape: list[int]) -> None:
    model = _mean(axes, 1, shape)
    rewrite(model, PoolGlobally(), RemoveUnusedNodesPass())
    assert [node.op_type for node in model.graph.node][-1] == "ReduceMean"


def _mean(axes: list[int], keepdims: int, shape: list[int]) -> onnx.ModelProto:
    make = onnx.helper
    graph = make.make_graph(
        [
            make.make_node("Relu", ["input"], ["relu"]),
            make.make_node("ReduceMean", ["relu", "axes"], ["output"], keepdims=keepdims),
        ],
        "mean",
        [make.make_tensor_value_info("input", onnx.TensorProto.FLOAT, shape)],
        [make.make_tensor_value_info("output", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(np.array(axes, np.int64), "axes")],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", OPSET)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model)


def _run(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    answer: np.ndarray = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"input": image})[
        0
    ]
    return answer
