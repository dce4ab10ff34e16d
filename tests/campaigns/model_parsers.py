"""Parsers of model files, weights, arrays and images for the campaign; see `parser_inputs.py`.

Each group imports the libraries of its readers itself, as the others run without them.
"""

from __future__ import annotations

import gzip
import io
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from edgecnn.core.array_file import read_array
from edgecnn.core.errors import InputError
from edgecnn.data.idx import read_idx
from edgecnn.data.objects import ImageObjects, Objects
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.preprocess import ImageError, geometry, open_image
from tests.campaigns.changes import (
    other_attributes,
    other_bytes,
    other_header,
    other_onnx,
    other_tflite,
)
from tests.campaigns.parser import Parser
from tests.support import tiny_models

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def onnx(folder: Path) -> Iterator[tuple[str, Parser]]:
    """Yield the readers of ONNX files."""
    from edgecnn.backends.onnx.constants import stored_weights
    from edgecnn.backends.onnx.inspect import inspect
    from edgecnn.backends.onnx.operations import operations
    from edgecnn.models.imported.importer import import_onnx

    model = tiny_models.write_onnx(folder / "model.onnx")
    quantized = tiny_models.write_quantized_onnx(folder / "quantized.onnx")

    def look(path: Path) -> object:
        return inspect(path), operations(path), stored_weights(path)

    for name, seed in (("onnx", model), ("quantized onnx", quantized)):
        yield name, Parser(seed.read_bytes(), seed, partial(look, seed), 1, other_onnx)
    imported = folder / "imported.onnx"
    yield (
        "imported onnx",
        Parser(model.read_bytes(), imported, lambda: import_onnx(imported), 2, other_onnx),
    )


def flat(folder: Path) -> Iterator[tuple[str, Parser]]:
    """Yield the reader of TFLite files."""
    from edgecnn.backends.tflite.inspect import inspect
    from edgecnn.backends.tflite.layers import concatenations, layers, read_by_gate, read_by_sigmoid

    model = tiny_models.write_tflite(folder / "model.tflite", quantized=True)

    def look() -> object:
        return (
            inspect(model),
            layers(model),
            read_by_sigmoid(model),
            read_by_gate(model),
            concatenations(model),
        )

    yield "tflite", Parser(model.read_bytes(), model, look, 2, other_tflite)


def openvino(folder: Path) -> Iterator[tuple[str, Parser]]:
    """Yield the reader of OpenVINO IR."""
    from edgecnn.backends.openvino.inspect import inspect

    graph = tiny_models.write_openvino(folder / "model.xml")
    yield "openvino", Parser(graph.read_bytes(), graph, lambda: inspect(graph), 1, other_attributes)


def weights(folder: Path) -> Iterator[tuple[str, Parser]]:
    """Yield the readers of weights."""
    import torch
    from safetensors.torch import save

    from edgecnn.core.safetensors_header import read_arrays
    from edgecnn.models.weights import read_safetensors, read_weights

    state = torch.nn.Linear(2, 2).state_dict()
    tensors = folder / "tensors.safetensors"
    yield (
        "weights",
        Parser(
            save(state), tensors, lambda: (read_safetensors(tensors), read_arrays(tensors)), 2, other_header
        ),
    )
    pickled = folder / "weights.pth"
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=False)
    yield "pickle", Parser(buffer.getvalue(), pickled, lambda: read_weights(pickled), 1, other_bytes)


def arrays(folder: Path) -> Iterator[tuple[str, Parser]]:
    """Yield the readers of arrays."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((2, 3), np.float32))
    array = folder / "array.npy"
    yield (
        "array",
        Parser(
            buffer.getvalue(),
            array,
            lambda: (read_array(array).sum(), read_array(array, mapped=True).sum()),
            2,
            other_bytes,
        ),
    )
    boxes = folder / "objects.npz"
    Objects((ImageObjects.of((8, 8), [(1, 1, 4, 4, 0, False)]),)).save(boxes)
    yield "boxes", Parser(boxes.read_bytes(), boxes, lambda: list(Objects.load(boxes)), 2, other_bytes)
    idx = folder / "images.gz"
    content = gzip.compress(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 4, *range(16)]), mtime=0)
    yield "idx", Parser(content, idx, lambda: read_idx(idx), 1, other_bytes)


def images(folder: Path) -> Iterator[tuple[str, Parser]]:
    """Yield the readers of images."""
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"):
        yield f"image {kind}", _image(folder / f"image.{kind.lower()}", kind)


def _image(file: Path, kind: str) -> Parser:
    Image.linear_gradient("L").resize((24, 16)).convert("RGB").save(file, kind)
    contract = Contract(height=8, width=8)

    def read() -> object:
        try:
            return geometry(open_image(file), contract)
        except ImageError as error:  # whoever opens it names the image
            raise InputError(f"image {file.name}: {error}") from None

    return Parser(file.read_bytes(), file, read, 1, other_bytes)
