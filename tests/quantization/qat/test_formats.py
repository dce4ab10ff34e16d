"""One training for int8, three formats: the same ranges, the same weights, the simulated answers."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from edgecnn.backends.dissection import Dissection
from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.formats import load_format, model_file
from edgecnn.core.errors import InputError
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.checkpoint import save_checkpoint
from edgecnn.models.weights import write_safetensors
from edgecnn.ondevice.normalize import normalize
from edgecnn.quantization.files import GRID_FILE, RANGES_FILE
from edgecnn.quantization.qat.extract import Extraction
from edgecnn.quantization.qat.training import Data, Trained
from tests.backends.conftest import sqnr
from tests.quantization.qat.conftest import CLASSES, Network

EVERY_FORMAT = pytest.mark.parametrize("name", ["onnx", "tflite", "openvino"])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, trained: Network, extraction: Extraction) -> Path:
    """The results of the training, as its stage writes them."""
    folder = tmp_path_factory.mktemp("trained-for-int8")
    save_checkpoint(folder, extraction.module, trained.spec)
    write_safetensors(extraction.grid, folder / GRID_FILE)
    extraction.ranges.save(folder)
    return folder


@dataclass(frozen=True)
class Made:
    """A network in one format: the float file and the int8 file."""

    original: Path
    file: Path

    def open(self, name: str) -> Dissection:
        return load_format(name).dissect(self.file, self.original)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, data: Data) -> Callable[[str], Made]:
    """Lower and quantize the checkpoint for x86 without VNNI, once a format."""

    @functools.cache
    def made(name: str) -> Made:
        out = tmp_path_factory.mktemp(name)
        for part in ("float", "int8"):
            (out / part).mkdir()
        original = load_format(name).lower(checkpoint, out / "float")
        request = QuantizeRequest("int8", data.calibration.directory, "x86-64-avx2", network=checkpoint)
        load_format(name).quantize(original, out / "int8", request)
        return Made(original, model_file(out / "int8", name))

    return made


def answers(dissection: Dissection, evaluation: PreparedSet, execution: str) -> np.ndarray:
    """Run the whole int8 file, image by image; float32 ``[N, classes]``."""
    image, *_ = dissection.points
    run = dissection.cut([image], dissection.outputs[0], execution)  # type: ignore[arg-type]
    pixels = normalize(np.asarray(evaluation.images[:]), evaluation.contract)
    if dissection.layout == "NCHW":
        pixels = pixels.transpose(0, 3, 1, 2)
    return np.concatenate([run([np.ascontiguousarray(pixels[i : i + 1])])[0] for i in range(len(pixels))])


@EVERY_FORMAT
def test_file_answers_as_the_training_simulated(
    name: str, make: Callable[[str], Made], quantized: Trained, evaluation: PreparedSet
) -> None:
    pixels = normalize(np.asarray(evaluation.images[:]), evaluation.contract).transpose(0, 3, 1, 2)
    with torch.no_grad():
        simulated = quantized.network(torch.from_numpy(pixels)).numpy()
    dissection = make(name).open(name)
    for execution in ("reference", "shipping"):
        found = answers(dissection, evaluation, execution).reshape(-1, len(CLASSES))
        assert sqnr(simulated, found) > 20, execution
        assert (found.argmax(1) == simulated.argmax(1)).all(), execution


@EVERY_FORMAT
def test_ranges_are_those_of_the_training(
    name: str, make: Callable[[str], Made], extraction: Extraction
) -> None:
    grids = [point.grid for point in make(name).open(name).points if point.grid is not None]
    in_file = np.array([[grid.low.item(), grid.high.item()] for grid in grids if grid.low.size == 1])
    learnt = np.array([[bounds.low, bounds.high] for bounds in extraction.ranges.ranges.values()])
    span = learnt[:, 1] - learnt[:, 0]
    distance = np.abs(in_file[:, None] - learnt[None]).max(axis=2) / span
    from_training = distance.min(axis=1) < 1e-3
    # LiteRT writes a hard-sigmoid out in parts, and OpenVINO rounds at inputs of integer kernels only.
    assert from_training.mean() > 0.9, f"{(~from_training).sum()} of {len(in_file)} ranges are estimated"
    assert len(in_file) > len(learnt) / 2, (
        f"{len(in_file)} tensors are rounded, {len(learnt)} were in training"
    )


@EVERY_FORMAT
def test_weights_are_those_of_the_training(
    name: str, make: Callable[[str], Made], extraction: Extraction
) -> None:
    dissection = make(name).open(name)
    layers = [node.name for node in dissection.float_nodes if node.weighted]
    assert len(layers) == len(extraction.grid) // 2
    for layer in layers:
        weights, original = dissection.weights(layer), dissection.float_weights(layer)
        assert weights is not None, layer
        assert original is not None, layer
        assert np.allclose(weights, original, atol=np.abs(original).max() * 1e-5), f"{layer} is rounded anew"


def test_tflite_is_integer_throughout(make: Callable[[str], Made]) -> None:
    seen = load_format("tflite").inspect(make("tflite").file)
    assert (seen.precision, seen.float_op_names, seen.transposes) == ("int8", (), 0)


def test_other_calibration_images_are_refused(
    make: Callable[[str], Made], checkpoint: Path, data: Data, tmp_path: Path
) -> None:
    request = QuantizeRequest("int8", data.train.directory, "x86-64-avx2", network=checkpoint)
    with pytest.raises(InputError, match="24 calibration images, but there are 256"):
        load_format("onnx").quantize(make("onnx").original, tmp_path, request)


def test_damaged_ranges_are_refused(
    make: Callable[[str], Made], checkpoint: Path, data: Data, tmp_path: Path
) -> None:
    network = tmp_path / "network"
    shutil.copytree(checkpoint, network)
    (network / RANGES_FILE).write_text("{}")
    request = QuantizeRequest("int8", data.calibration.directory, "x86-64-avx2", network=network)
    with pytest.raises(InputError, match="does not hold activation ranges"):
        load_format("onnx").quantize(make("onnx").original, tmp_path, request)
