"""Dissection of a small network in OpenVINO IR: matched from the outputs, whatever the names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
import pytest

from edgecnn.backends.dissection import INPUT, Dissection, pieces
from edgecnn.backends.openvino.dissect import dissect
from edgecnn.core.errors import InputError
from edgecnn.ondevice.normalize import normalize
from tests.support import tiny_models as tiny

opset = openvino.opset13
LEVELS, ENDS = 256, (-16.0, 15.875)


def quantizer(value: openvino.Node, low: float, high: float, name: str) -> openvino.Node:
    ends = [opset.constant(np.float32(end)) for end in (low, high, low, high)]
    return opset.fake_quantize(value, *ends, LEVELS, name=name)


def write(file: Path, *, quantized: bool, prefix: str = "", activation: str = "relu") -> Path:
    """Write the tiny convolution with an activation function, in int8 with three quantizers."""
    image = opset.parameter([1, 3, tiny.SIZE, tiny.SIZE], np.float32, name=f"{prefix}image")
    value = quantizer(image, -3.2, 3.175, "image_grid") if quantized else image
    kernel = opset.constant(np.ascontiguousarray(tiny.weights().transpose(0, 3, 1, 2)))
    value = opset.convolution(value, kernel, [1, 1], [0, 0], [0, 0], [1, 1], name=f"{prefix}conv")
    value = quantizer(value, *ENDS, "conv_grid") if quantized else value
    value = getattr(opset, activation)(value, name=f"{prefix}{activation}")
    openvino.save_model(openvino.Model([opset.result(value)], [image]), file, compress_to_fp16=False)
    return file


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("openvino")
    return (
        write(folder / "int8.xml", quantized=True),
        write(folder / "float.xml", quantized=False, prefix="other_"),
    )


@pytest.fixture(scope="module")
def opened(files: tuple[Path, Path]) -> Dissection:
    return dissect(*files)


def test_points_are_matched_though_the_names_differ(opened: Dissection) -> None:
    assert [(point.key, point.counterpart) for point in opened.points] == [
        ("image:0", "other_image:0"),
        ("image_grid:0", "other_image:0"),
        ("conv_grid:0", "other_conv:0"),
        ("relu:0", "other_relu:0"),
    ]
    grid = opened.points[2].grid
    assert grid is not None
    assert (float(grid.low), float(grid.high), grid.levels) == (*ENDS, LEVELS)
    assert [found.operation for found in pieces(opened)] == [INPUT, "Convolution", "Relu"]


def test_weights_are_real_numbers_in_pytorchs_order(opened: Dissection) -> None:
    want = tiny.weights().transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(opened.weights("conv"), want)
    np.testing.assert_array_equal(opened.float_weights("other_conv"), want)
    assert opened.weights("relu") is None


def test_a_piece_alone_computes_what_the_network_computes(opened: Dissection) -> None:
    (piece,) = [found for found in pieces(opened) if found.operation == "Convolution"]
    assert piece.output.grid is not None
    image = normalize(tiny.images(1), tiny.CONTRACT).transpose(0, 3, 1, 2)
    want = tiny.expected(tiny.images(1)).ravel()
    (exact,) = opened.cut_float(piece.float_inputs, [piece.output.counterpart])([image])
    np.testing.assert_allclose(exact.ravel(), want, atol=1e-4)
    for execution in ("shipping", "reference"):
        (found,) = opened.cut(piece.inputs, piece.output, execution)([image])
        np.testing.assert_allclose(found, piece.output.grid.snap(found), atol=1e-4)
        np.testing.assert_allclose(found.ravel(), np.clip(want, *ENDS), atol=0.5)


def test_a_float_file_with_another_operation_is_of_another_network(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    other = write(tmp_path / "other.xml", quantized=False, activation="sigmoid")
    with pytest.raises(InputError, match="their operations differ"):
        dissect(files[0], other)
