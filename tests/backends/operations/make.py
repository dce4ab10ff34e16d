"""The child process of a format, which takes every network of the table through the format."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import JsonValue
from torch.onnx._internal.exporter._registration import ONNXRegistry

from edgecnn.backends import entry
from edgecnn.backends.entry import FormatFile, LowerRequest, QuantizeFileRequest
from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.formats import model_file
from edgecnn.backends.registry import find_format
from edgecnn.backends.worker.runtime import Options
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import EdgecnnError
from edgecnn.data.prepared import PreparedSet
from edgecnn.ondevice.input_tensor import Feed
from edgecnn.ondevice.normalize import normalize
from edgecnn.quantization.sqnr import sqnr_db
from tests.backends.operations.table import CLASSES, build
from tests.support.checkpoints import write_checkpoint
from tests.support.runtimes import open_runtime

PRECISIONS = ("fp32", "int8")


@dataclass(frozen=True)
class Cell:
    """The result of one network in one format and precision.

    Attributes:
        error: Message of the error that refused it; empty where it was made.
        precision: What the file says that it is.
        float_op_names: Operations of the file that compute in float.
        sqnr_db: Signal to noise of its outputs, against PyTorch.
        largest_gap: Largest difference from PyTorch, as a share of the largest output.
    """

    error: str = ""
    precision: str = ""
    float_op_names: tuple[str, ...] = ()
    sqnr_db: float = 0.0
    largest_gap: float = 0.0


@arguments
class CellsRequest:
    """The files for a child process to make in ``out``, for every operation in every precision."""

    format: str
    operations: list[str]
    calibration: Path
    out: Path


def make(request: CellsRequest) -> dict[str, Cell]:
    """Return a cell for each ``operation/precision``; none for int8 where fp32 was refused."""
    # PyTorch's exporter reads the table of its 500 operators anew at each call, which is half of the call.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib))
        )
        return _cells(request)


def _cells(request: CellsRequest) -> dict[str, Cell]:
    cells = {}
    for number, operation in enumerate(request.operations):
        folder = request.out / str(number)
        for precision in PRECISIONS:
            try:
                file = _file(request.format, precision, operation, request.calibration, folder)
                cell = _measured(request.format, file, operation, request.calibration)
            except EdgecnnError as error:
                cell = Cell(error=str(error))
            cells[f"{operation}/{precision}"] = cell
            if cell.error:
                break  # int8 is made from the fp32 file
    return cells


def _file(format_name: str, precision: str, operation: str, calibration: Path, folder: Path) -> Path:
    """Return the model file, made now; int8 is made from the fp32 file."""
    checkpoint, floats, integers = (folder / name for name in ("checkpoint", "fp32", "int8"))
    if precision == "fp32":
        checkpoint.mkdir(parents=True)
        contract = PreparedSet.open(calibration).contract
        arguments: dict[str, JsonValue] = {"operation": operation}
        network = build(operation)
        write_checkpoint(checkpoint, build, network, contract=contract, classes=CLASSES, arguments=arguments)
        return floats / entry.lower(LowerRequest(format_name, checkpoint, floats))
    file = FormatFile(format_name, model_file(floats, format_name))
    entry.quantize(QuantizeFileRequest(file, integers, QuantizeRequest(precision, calibration, "any")))
    return model_file(integers, format_name)


def _measured(format_name: str, file: Path, operation: str, calibration: Path) -> Cell:
    seen = entry.inspect(FormatFile(format_name, file))
    prepared = PreparedSet.open(calibration)
    images = torch.from_numpy(normalize(np.asarray(prepared.images[:]), prepared.contract))
    with torch.no_grad():
        truth = build(operation)(images.permute(0, 3, 1, 2)).numpy()
    runtime = open_runtime(find_format(format_name).runtime, file, Options())
    described = runtime.describe()
    inputs = Feed(described.inputs[0], prepared.contract).fill(np.asarray(prepared.images[:]))
    rows = [described.outputs[0].dequantize(runtime.run([image[None]])[0]).copy() for image in inputs]
    found = np.concatenate(rows)
    return Cell(
        precision=seen.precision,
        float_op_names=seen.float_op_names,
        sqnr_db=sqnr_db([truth], [found]),
        largest_gap=float(np.abs(truth - found).max() / np.abs(truth).max()),
    )
