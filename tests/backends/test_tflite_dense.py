"""Fully connected layers as convolutions, and multiply-accumulates counted in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.backends.tflite.dense import dense_as_conv
from edgecnn.backends.tflite.flatbuffer import read_model, write_model
from edgecnn.backends.tflite.layers import TfliteLayer, layers
from edgecnn.backends.worker.runtime import Options
from tests.support import tiny_models as tiny
from tests.support.runtimes import open_runtime

if TYPE_CHECKING:
    from pathlib import Path

MACS = tiny.CLASSES * tiny.SIZE * tiny.SIZE * 3


def write_dense(path: Path) -> Path:
    """Write the tiny network with a fully connected layer over all pixels in place of its convolution."""
    model = read_model(tiny.write_tflite(path, quantized=True))
    graph = model.subgraphs[0]
    graph.tensors[1].shape = [tiny.CLASSES, MACS // tiny.CLASSES]
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    dense = graph.operators[0]
    dense.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    dense.builtinOptions = schema.FullyConnectedOptionsT()
    dense.outputs, graph.operators = [4], [dense]
    write_model(model, path)
    return path


def test_macs_are_counted_in_the_file(tmp_path: Path) -> None:
    assert layers(tiny.write_tflite(tmp_path / "a.tflite", quantized=True)) == [
        TfliteLayer("CONV_2D", "conv", MACS, integer=True),
        TfliteLayer("RESHAPE", "output", 0, integer=True),
    ]
    assert layers(write_dense(tmp_path / "b.tflite")) == [
        TfliteLayer("FULLY_CONNECTED", "output", MACS, integer=True)
    ]


def test_a_dense_layer_becomes_a_convolution_of_the_same_products(tmp_path: Path) -> None:
    before, after = write_dense(tmp_path / "a.tflite"), write_dense(tmp_path / "b.tflite")
    assert dense_as_conv(after) == 1
    assert [layer.operator for layer in layers(after)] == ["RESHAPE", "CONV_2D", "RESHAPE"]
    assert sum(layer.macs for layer in layers(after)) == MACS
    image = np.random.default_rng(5).integers(-128, 128, (1, 8, 8, 3), np.int8)
    results = [
        open_runtime("litert", file, Options("reference")).run([image])[0].astype(int)
        for file in (before, after)
    ]
    assert np.abs(results[0] - results[1]).max() <= 1, "only the rounding of a sum may differ"


def test_a_float_layer_stays(tmp_path: Path) -> None:
    file = tiny.write_tflite(tmp_path / "a.tflite", quantized=False)
    before = file.read_bytes()
    assert dense_as_conv(file) == 0
    assert file.read_bytes() == before
