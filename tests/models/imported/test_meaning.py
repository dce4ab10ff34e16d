"""Files whose operators, opsets or batches mean something else than they seem to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.resolve import resolve_model
from tests.support.onnx_operators import imported_answer

if TYPE_CHECKING:
    from pathlib import Path

SIZES = [1, 3, 8, 8]
IMAGE = np.random.default_rng(0).normal(size=SIZES).astype(np.float32)


def model_of(*nodes: onnx.NodeProto, opset: int = 13, **constants: Any) -> onnx.ModelProto:
    """A model of nodes that take "x" to "y"."""
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SIZES)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        stored,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def refused(model: onnx.ModelProto) -> str:
    answer = imported_answer(model, IMAGE, ["y"])
    assert isinstance(answer, str), "the file was read"
    return answer


def answer_of(model: onnx.ModelProto) -> np.ndarray:
    answer = imported_answer(model, IMAGE, ["y"])
    assert not isinstance(answer, str), answer
    return answer[0]


def test_training_mode_is_refused() -> None:
    dropout = helper.make_node("Dropout", ["x", "ratio", "training"], ["y"], name="drop")
    relu = helper.make_node("Relu", ["x"], ["y"], name="relu")
    model = model_of(dropout, ratio=np.float32(0.5), training=np.array([True])[0])
    assert refused(model) == "Dropout drop cannot be imported: it is in training mode (opset 13)"
    scale = np.ones(3, np.float32)
    norm = helper.make_node("BatchNormalization", ["x", *"abcd"], ["y"], name="norm", training_mode=1)
    norm.output.extend(["mean", "var"])
    assert "norm cannot be imported: it is in training" in refused(
        model_of(norm, opset=15, a=scale, b=scale, c=scale, d=scale)
    )
    assert (answer_of(model_of(relu)) >= 0).all()


def test_an_operator_that_the_file_defines_itself_is_not_taken_for_onnx_s_own() -> None:
    own = helper.make_function(
        "mine",
        "Relu",
        ["a"],
        ["b"],
        [helper.make_node("Det", ["a"], ["b"])],
        [helper.make_opsetid("", 13)],
    )
    model = model_of(helper.make_node("Relu", ["x"], ["y"], name="relu", domain="mine"))
    model.opset_import.append(helper.make_opsetid("mine", 1))
    model.functions.append(own)
    assert "Det" in refused(model), "the function's own operations are read"
    own.domain = ""
    model.functions[0].CopyFrom(own)
    assert "defines ONNX's operator Relu anew" in refused(model)
    own.domain = "mine"
    own.opset_import[0].version = 11
    model.functions[0].CopyFrom(own)
    assert "names 11, 13" in refused(model)


def test_a_domain_of_others_is_refused() -> None:
    gelu = helper.make_node("Gelu", ["x"], ["y"], name="gelu", domain="com.microsoft")
    model = model_of(gelu)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.output[0].type.tensor_type.shape.CopyFrom(model.graph.input[0].type.tensor_type.shape)
    refused(model)


def test_a_bias_of_one_value_a_row_is_not_taken_for_one_a_column() -> None:
    rows = helper.make_node("Reshape", ["x", "shape"], ["rows"])
    gemm = helper.make_node("Gemm", ["rows", "w", "b"], ["y"], name="gemm")
    settings: dict[str, Any] = {"shape": np.array([3, 64]), "w": np.ones((64, 3), np.float32)}
    bias = np.arange(3, dtype=np.float32)
    assert "its bias has the shape [3, 1]" in refused(model_of(rows, gemm, **settings, b=bias[:, None]))
    want = IMAGE.reshape(3, 64).sum(axis=1, keepdims=True) + bias
    np.testing.assert_allclose(answer_of(model_of(rows, gemm, **settings, b=bias)), want, atol=1e-4)


def test_axes_of_squeeze_need_not_ascend() -> None:
    shape = helper.make_node("Reshape", ["x", "shape"], ["long"])
    squeeze = helper.make_node("Squeeze", ["long"], ["y"], name="squeeze", axes=[3, 0, 1])
    answer = answer_of(model_of(shape, squeeze, opset=11, shape=np.array([1, 1, 192, 1])))
    np.testing.assert_array_equal(answer, IMAGE.ravel())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_only_channels_are_merged_into_a_convolution(axis: int) -> None:
    """A Gather behind SpaceToDepth is merged if it orders channels, and kept if it orders pixels."""
    order = np.random.default_rng(1).permutation([1, 12, 4][axis])
    weight = np.random.default_rng(2).normal(size=(4, 12, 2, 2)).astype(np.float32)
    nodes = [
        helper.make_node("SpaceToDepth", ["x"], ["blocks"], blocksize=2, name="blocks"),
        helper.make_node("Gather", ["blocks", "order"], ["ordered"], axis=axis, name="order"),
        helper.make_node("Conv", ["ordered", "w"], ["y"], name="conv"),
    ]
    model = model_of(*nodes, order=order, w=weight)
    blocks = IMAGE.reshape(1, 3, 4, 2, 4, 2).transpose(0, 3, 5, 1, 2, 4).reshape(1, 12, 4, 4)
    want = torch.nn.functional.conv2d(torch.from_numpy(blocks.take(order, axis)), torch.from_numpy(weight))
    np.testing.assert_allclose(answer_of(model), want.numpy(), atol=1e-4)
    same = helper.make_node("Conv", ["ordered", "w"], ["y"], name="conv", auto_pad="SAME_UPPER")
    padded = np.pad(blocks.take(order, axis), [(0, 0), (0, 0), (0, 1), (0, 1)])
    want = torch.nn.functional.conv2d(torch.from_numpy(padded), torch.from_numpy(weight))
    with_pads = answer_of(model_of(*nodes[:2], same, order=order, w=weight))
    np.testing.assert_allclose(with_pads, want.numpy(), atol=1e-4)


def test_numbers_that_torch_would_divide_as_floats_are_refused() -> None:
    cast = helper.make_node("Cast", ["x"], ["whole"], to=TensorProto.INT32, name="cast")
    half = helper.make_node("Div", ["whole", "two"], ["half"], name="half")
    back = helper.make_node("Cast", ["half"], ["y"], to=TensorProto.FLOAT, name="back")
    assert "half" in refused(model_of(cast, half, back, two=np.int32(2)))


def classifier(folder: Path, *nodes: onnx.NodeProto, **constants: Any) -> Path:
    file = folder / "net.onnx"
    onnx.save(model_of(*nodes, **constants), file)
    return file


def test_a_batch_that_is_written_into_a_reshape_does_not_bind_the_network(tmp_path: Path) -> None:
    flat = helper.make_node("Reshape", ["x", "shape"], ["rows"], name="flat")
    scores = helper.make_node("Gemm", ["rows", "w"], ["y"], name="scores")
    weight = np.random.default_rng(0).normal(size=(192, 5)).astype(np.float32)
    file = classifier(tmp_path, flat, scores, shape=np.array([1, 192]), w=weight)
    module, _ = resolve_model(str(file), classes=tuple("abcde"))
    images = torch.rand(3, 3, 8, 8)
    np.testing.assert_allclose(module(images).detach(), images.reshape(3, -1).numpy() @ weight, atol=1e-4)


def test_a_network_that_mixes_images_is_refused_by_the_name_of_its_node(tmp_path: Path) -> None:
    mean = helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], name="over_images")
    flat = helper.make_node("Flatten", ["mean"], ["y"], name="flat")
    file = classifier(tmp_path, mean, flat)
    assert import_onnx(file).classes == 192, "one image is read"
    with pytest.raises(InputError, match="ReduceMean over_images cannot be imported: it mixes the values"):
        resolve_model(str(file))
    rows = helper.make_node("Reshape", ["x", "shape"], ["rows"], name="rows")
    scores = helper.make_node("Gemm", ["flat", "w"], ["y"], name="scores")
    relu = helper.make_node("Relu", ["rows"], ["positive"], name="relu")
    flat = helper.make_node("Reshape", ["positive", "one"], ["flat"], name="flat")
    weight = np.ones((192, 5), np.float32)
    shapes = {"shape": np.array([3, 64]), "one": np.array([1, -1])}
    with pytest.raises(InputError, match="cannot be imported: it does not take more"):
        resolve_model(str(classifier(tmp_path, rows, relu, flat, scores, w=weight, **shapes)))
