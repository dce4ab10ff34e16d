"""Dissection of the tiny network in ONNX: points, weights and parts that can be executed alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from edgecnn.backends.dissection import Dissection, ProbePoint, pieces
from edgecnn.backends.onnx.dissect import dissect
from edgecnn.core.errors import InputError
from edgecnn.ondevice.normalize import normalize
from tests.support import tiny_models as tiny


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("onnx")
    return tiny.write_quantized_onnx(folder / "int8.onnx"), tiny.write_onnx(folder / "float.onnx")


@pytest.fixture(scope="module")
def opened(files: tuple[Path, Path]) -> Dissection:
    return dissect(*files)


def test_every_quantized_tensor_has_its_counterpart_and_its_grid(opened: Dissection) -> None:
    assert [point.counterpart for point in opened.points] == ["input", "input", "conv", "output"]
    assert [point.size for point in opened.points[1:3]] == [3 * tiny.SIZE**2, tiny.CLASSES]
    grid = opened.points[2].grid
    assert grid is not None
    assert grid.levels == 256
    # The ends are 12.8 to both sides; zero must be a level, so that the grid moves by half a step.
    assert (float(grid.low), float(grid.high)) == pytest.approx((-12.8, 12.8), abs=0.06)
    assert (opened.layout, opened.float_outputs) == ("NCHW", ("output",))


def test_weights_are_real_numbers_in_pytorchs_order(opened: Dissection) -> None:
    (name,) = [node.name for node in opened.nodes if node.operation == "Conv"]
    (original,) = [node.name for node in opened.float_nodes if node.operation == "Conv"]
    want = tiny.weights().transpose(0, 3, 1, 2)
    found, exact = opened.weights(name), opened.float_weights(original)
    assert found is not None
    np.testing.assert_array_equal(exact, want)
    np.testing.assert_allclose(found, want, atol=0.0006)  # half a step of one scale for all channels
    (flatten,) = [node.name for node in opened.float_nodes if node.operation == "Flatten"]
    assert opened.float_weights(flatten) is None


def test_a_piece_alone_computes_what_the_network_computes(opened: Dissection) -> None:
    (piece,) = [found for found in pieces(opened) if found.operation == "Conv"]
    image = normalize(tiny.images(1), tiny.CONTRACT).transpose(0, 3, 1, 2)
    want = tiny.expected(tiny.images(1)).ravel()
    (exact,) = opened.cut_float(piece.float_inputs, [piece.output.counterpart])([image])
    np.testing.assert_allclose(exact.ravel(), want, atol=1e-4)
    assert piece.output.grid is not None
    for execution in ("shipping", "reference"):
        (found,) = opened.cut(piece.inputs, piece.output, execution)([image])
        levels = (found - piece.output.grid.low) / piece.output.grid.step
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
        np.testing.assert_allclose(found.ravel(), np.clip(want, -12.8, 12.8), atol=0.6)


def test_a_damaged_file_and_one_of_two_images_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(files[0].read_bytes()[:200])
    with pytest.raises(InputError):
        dissect(broken, files[1])
    model = onnx.load(files[1])
    model.graph.input.append(onnx.helper.make_tensor_value_info("second", onnx.TensorProto.FLOAT, [1]))
    onnx.save(model, tmp_path / "two.onnx")
    with pytest.raises(InputError, match="has 2 inputs"):
        dissect(files[0], tmp_path / "two.onnx")


def test_the_order_of_the_nodes_does_not_matter(files: tuple[Path, Path], tmp_path: Path) -> None:
    reversed_files = []
    for file in files:
        model = onnx.load(file)
        nodes = list(model.graph.node)[::-1]
        del model.graph.node[:], model.graph.value_info[:]
        model.graph.node.extend(nodes)
        reversed_files.append(tmp_path / file.name)
        onnx.save(model, reversed_files[-1])
    usual, other = dissect(*files), dissect(*reversed_files)
    assert [_described(point) for point in other.points] == [_described(point) for point in usual.points]


def _described(point: ProbePoint) -> tuple[str, str, str, int]:
    return point.key, point.entry, point.counterpart, point.size
