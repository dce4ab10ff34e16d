"""Dissection of the tiny network in TFLite: points, weights and parts that can be executed alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.backends.dissection import INPUT, Dissection, pieces
from edgecnn.backends.tflite.dissect import dissect
from edgecnn.backends.tflite.flatbuffer import model_bytes, read_model
from edgecnn.core.errors import InputError
from edgecnn.ondevice.normalize import normalize
from tests.support import tiny_models as tiny


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tflite")
    return (
        tiny.write_tflite(folder / "int8.tflite", quantized=True),
        tiny.write_tflite(folder / "float.tflite", quantized=False),
    )


@pytest.fixture(scope="module")
def opened(files: tuple[Path, Path]) -> Dissection:
    return dissect(*files)


def test_every_integer_tensor_is_a_point_with_its_grid(opened: Dissection) -> None:
    assert [point.key for point in opened.points[1:]] == ["input", "conv", "output"]
    grid = opened.points[2].grid
    assert grid is not None
    ends = [(limit - tiny.OUTPUT_ZERO) * tiny.OUTPUT_SCALE for limit in (-128, 127)]
    assert [float(grid.low), float(grid.high)] == pytest.approx(ends)
    assert grid.levels == 256
    assert float(grid.step) == pytest.approx(tiny.OUTPUT_SCALE)


def test_putting_the_image_on_its_grid_is_the_first_piece(opened: Dissection) -> None:
    """The file itself begins with integers, so no operation of it does that."""
    first, conv, reshape = pieces(opened)
    assert [found.operation for found in (first, conv, reshape)] == [INPUT, "CONV_2D", "RESHAPE"]
    image = normalize(tiny.images(1), tiny.CONTRACT)
    (snapped,) = opened.cut(first.inputs, first.output, "shipping")([image])
    assert first.output.grid is not None
    np.testing.assert_array_equal(snapped, first.output.grid.snap(image))


def test_weights_are_real_numbers_in_pytorchs_order(opened: Dissection) -> None:
    want = tiny.weights().transpose(0, 3, 1, 2)
    found = opened.weights("conv")
    assert found is not None
    np.testing.assert_allclose(found, want, rtol=1e-6)
    np.testing.assert_array_equal(opened.float_weights("conv"), want)
    assert opened.weights("output") is None
    assert opened.weights("image") is None, "the first piece is no operation of the file"


def test_a_piece_alone_computes_what_the_network_computes(opened: Dissection) -> None:
    (piece,) = [found for found in pieces(opened) if found.operation == "CONV_2D"]
    assert piece.output.grid is not None
    image = normalize(tiny.images(1), tiny.CONTRACT)
    want = tiny.expected(tiny.images(1)).ravel()
    (exact,) = opened.cut_float(piece.float_inputs, [piece.output.counterpart])([image])
    np.testing.assert_allclose(exact.ravel(), want, atol=1e-4)
    for execution in ("shipping", "reference"):
        (found,) = opened.cut(piece.inputs, piece.output, execution)([image])
        on_grid = piece.output.grid.snap(want.astype(np.float32))
        np.testing.assert_allclose(found.ravel(), on_grid, atol=2.5 * tiny.OUTPUT_SCALE)
        np.testing.assert_allclose(found, piece.output.grid.snap(found), atol=1e-5)


def test_tensors_of_one_name_cannot_be_told_apart(files: tuple[Path, Path], tmp_path: Path) -> None:
    model = read_model(files[0])
    model.subgraphs[0].tensors[3].name = b"output"
    (tmp_path / "twice.tflite").write_bytes(model_bytes(model))
    with pytest.raises(InputError, match="names several tensors alike"):
        dissect(tmp_path / "twice.tflite", files[1])
