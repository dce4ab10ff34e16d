"""Inputs that are no float32 image with the channels first: what they become, and what the file gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError
from edgecnn.models.imported.given_file import OnnxFile
from edgecnn.models.imported.image_input import as_given, channels_last
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.imported.network import ImportedNetwork
from tests.support.onnx_writer import Writer, weights

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import NodeProto


def with_input(
    file: Path, kind: int, shape: list[Any], *first: NodeProto, size: tuple[int, int] | None = None
) -> list[str]:
    """Write a classifier behind nodes that make ``images`` of the input ``x``; compare it with its file.

    Returns:
        The operations of the network.
    """
    writer = Writer()
    maps = writer.add("Relu", writer.conv("images", 3, 4, 3))
    out = writer.add("Flatten", writer.add("GlobalAveragePool", maps))
    model = onnx.load(writer.save(file, out))
    model.graph.ClearField("input")
    model.graph.input.append(helper.make_tensor_value_info("x", kind, shape))
    nodes = [*first, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    for name in ("mean", "std"):
        model.graph.initializer.append(numpy_helper.from_array(np.array([1, 2, 3], np.float32), name))
    onnx.save(model, file)
    found = import_onnx(file, size=size)
    module = ImportedNetwork(found.graph).eval()
    module.load_state_dict(found.state)
    image = np.random.default_rng(0).integers(0, 256, (1, 3, found.contract.height, found.contract.width))
    values = image.astype(np.float32)
    if kind == TensorProto.UINT8:
        assert (set(found.contract.mean), set(found.contract.std)) == ({0.0}, {1.0})
    with torch.inference_mode():
        ours = module(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(ours, OnnxFile(file, module).run(values)[0], rtol=1e-4, atol=1e-3)
    return [node.operator for node in found.graph.nodes]


def turn(source: str, made: str) -> NodeProto:
    return helper.make_node("Transpose", [source], [made], perm=[0, 3, 1, 2], name="turn")


NETWORK = ["Conv", "Relu", "GlobalAveragePool", "Flatten"]


def test_channels_that_are_last(tmp_path: Path) -> None:
    file, kind = tmp_path / "net.onnx", TensorProto.FLOAT
    assert with_input(file, kind, ["n", 16, 24, 3], turn("x", "images")) == NETWORK
    before = [
        helper.make_node("Sub", ["x", "mean"], ["a"]),
        helper.make_node("Div", ["a", "std"], ["b"]),
        turn("b", "images"),
    ]
    found = with_input(file, kind, [1, 16, 24, 3], *before)
    assert "Transpose" not in found, "they are moved until they cancel each other"


def test_bytes_that_are_normalized_inside(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    cast = helper.make_node("Cast", ["x"], ["images"], to=TensorProto.FLOAT)
    assert with_input(file, TensorProto.UINT8, [1, 3, 16, 24], cast) == NETWORK
    moved = [turn("x", "t"), helper.make_node("Cast", ["t"], ["images"], to=TensorProto.FLOAT)]
    assert with_input(file, TensorProto.UINT8, [1, 16, 24, 3], *moved) == NETWORK


def test_bytes_that_are_computed_with_are_refused(tmp_path: Path) -> None:
    twice = helper.make_node("Add", ["x", "x"], ["y"], name="twice")
    cast = helper.make_node("Cast", ["y"], ["images"], to=TensorProto.FLOAT)
    with pytest.raises(InputError, match="Add twice computes with them as bytes"):
        with_input(tmp_path / "net.onnx", TensorProto.UINT8, [1, 3, 16, 24], twice, cast)


def test_open_sizes_are_those_that_are_asked_for(tmp_path: Path) -> None:
    file, kind = tmp_path / "net.onnx", TensorProto.FLOAT
    same = helper.make_node("Identity", ["x"], ["images"])
    assert with_input(file, kind, ["n", 3, "h", "w"], same, size=(8, 20)) == NETWORK
    assert with_input(file, kind, ["n", "h", "w", 3], turn("x", "images"), size=(8, 20)) == NETWORK
    with pytest.raises(InputError, match="height and width") as caught:
        import_onnx(file)
    assert caught.value.hint is not None
    assert "--input 224x224" in caught.value.hint


def test_float16_is_computed_in_float32(tmp_path: Path) -> None:
    writer, file = Writer(), tmp_path / "net.onnx"
    model = onnx.load(writer.save(file, writer.add("Relu", writer.conv("images", 3, 4, 3))))
    for tensor in model.graph.initializer:
        half = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(model, file)
    found = import_onnx(file)
    module = ImportedNetwork(found.graph).eval()
    module.load_state_dict(found.state)
    image = np.random.default_rng(0).uniform(-1, 1, (1, 3, 32, 32)).astype(np.float32)
    with torch.inference_mode():
        ours = module(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(ours, OnnxFile(file, module).run(image)[0], atol=5e-3)


@pytest.mark.parametrize(
    ("shape", "last"),
    [((1, 8, 8, 3), True), ((1, 3, 8, 8), False), ((1, 3, 8, 3), False), (("n", None, None, 1), True)],
)
def test_where_the_channels_are(shape: tuple[int | str | None, ...], last: bool) -> None:
    assert channels_last(shape) is last


def test_an_image_as_a_file_takes_it() -> None:
    image = weights(1, 3, 2, 4) * 100 + 120
    given = as_given(image, (1, 2, 4, 3), "tensor(uint8)")
    assert given.dtype == np.uint8
    assert given.shape == (1, 2, 4, 3)
    np.testing.assert_array_equal(given[0, :, :, 1], np.rint(image[0, 1]))
