"""Tests of a recovery's results for the quantizers: float layers, weights on a given grid."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from safetensors.numpy import load_file, save_file

from edgecnn.backends.entry import LowerRequest
from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.formats import load_format, model_file
from edgecnn.backends.kernels import kernels_of
from edgecnn.backends.onnx.layers import find_layers
from edgecnn.backends.openvino.ir import read_model as read_openvino
from edgecnn.backends.openvino.weights import float_weights, kernels
from edgecnn.backends.recovered import CHECKPOINT_FILE, Recovered
from edgecnn.backends.tflite.weights import layer_weights
from edgecnn.core.documents.quantization import IntegerNotes
from edgecnn.core.errors import UsageError
from edgecnn.models.checkpoint import save_checkpoint
from edgecnn.quantization.calibrated import Calibrated
from edgecnn.quantization.files import GRID_FILE
from tests.backends.conftest import AVX2, Make, in_child

EVERY_FORMAT = pytest.mark.parametrize("name", ["onnx", "tflite", "openvino"])


@pytest.fixture
def layer(checkpoint: Path) -> str:
    """A pointwise convolution in the middle of the network."""
    weights = load_file(checkpoint / CHECKPOINT_FILE)
    pointwise = [name for name, array in weights.items() if array.ndim == 4 and array.shape[2:] == (1, 1)]
    return pointwise[len(pointwise) // 2].removesuffix(".weight")


@EVERY_FORMAT
def test_a_named_layer_stays_in_float_and_no_other(
    name: str, layer: str, lower: Make, checkpoint: Path, request_int8: QuantizeRequest, tmp_path: Path
) -> None:
    form = load_format(name)
    request = replace(request_int8, options={"float_layers": [layer]}, network=checkpoint)
    notes = form.quantize(lower(name).file, tmp_path, request)
    seen = form.inspect(model_file(tmp_path, name))
    assert isinstance(notes, IntegerNotes)
    assert notes.float_layers == (layer,)
    assert seen.precision == "mixed", (seen.ops, layer)
    assert sum("conv" in place.lower() for place in seen.float_op_names) == 1, seen.float_op_names


@EVERY_FORMAT
def test_a_layer_that_is_none_is_refused(
    name: str, lower: Make, checkpoint: Path, request_int8: QuantizeRequest, tmp_path: Path
) -> None:
    request = replace(request_int8, options={"float_layers": ["features.99"]}, network=checkpoint)
    with pytest.raises(UsageError, match=r"features\.99"):
        load_format(name).quantize(lower(name).file, tmp_path, request)


def test_layers_cannot_be_named_without_the_network(request_int8: QuantizeRequest) -> None:
    with pytest.raises(UsageError, match="needs the network"):
        Recovered.of(replace(request_int8, options={"float_layers": ["stem"]}))


def test_given_scales_find_their_layer(layer: str, lower: Make, checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "network"
    shutil.copytree(checkpoint, folder)
    weights = load_file(folder / CHECKPOINT_FILE)[f"{layer}.weight"]
    scale = np.abs(weights).reshape(len(weights), -1).max(axis=1) / 100
    save_file({f"{layer}.weight": weights, f"{layer}.scale": scale}, folder / GRID_FILE)
    request = QuantizeRequest("int8", None, "any", network=folder)
    layers = find_layers(ir.load(lower("onnx").file).graph)
    found = {item.node.name or "": item.kernel for item in layers}
    given = Recovered.of(request).grid_scales(found)
    assert [array.tolist() for array in given.values()] == [scale.tolist()]


def weights_in(name: str, file: Path) -> list[np.ndarray]:
    """Return the weights of a float file's layers in PyTorch's layout."""
    if name == "onnx":
        return [item.kernel for item in find_layers(ir.load(file).graph)]
    return list(
        (layer_weights(file) if name == "tflite" else kernels(float_weights(read_openvino(file)))).values()
    )


@pytest.mark.slow  # a converter's start for each format
@EVERY_FORMAT
def test_the_file_holds_the_very_weights_of_a_recovered_checkpoint(
    name: str, checkpoint: Path, calibration: Path, tmp_path: Path
) -> None:
    network = Calibrated.open(checkpoint, calibration, kernels_of(name, AVX2), 24, 0)
    for folder in ("folded", "file"):
        (tmp_path / folder).mkdir()
    save_checkpoint(tmp_path / "folded", network.module, network.spec)
    in_child("lower", LowerRequest(name, tmp_path / "folded", tmp_path / "file"))
    held = {array.tobytes() for array in weights_in(name, model_file(tmp_path / "file", name))}
    saved = load_file(tmp_path / "folded" / CHECKPOINT_FILE)
    missing = [layer.weight for layer in network.graph.layers if saved[layer.weight].tobytes() not in held]
    assert not missing, f"the converter changed the weights of {missing}"
