"""The TOSA reference model, which gives the same bits as an NPU with a TOSA instruction set."""

from __future__ import annotations

import importlib
import struct
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgecnn.backends.worker.runtime import Description, Options, Runtime, check_options, refused
from edgecnn.core.child import run
from edgecnn.core.errors import InputError
from edgecnn.ondevice.tensor import Array, TensorInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

CONVERT_TIMEOUT_S = 150.0


class TosaModel(Runtime):
    """An int8 TFLite file, converted to TOSA and interpreted; shipping and reference execution are the same.

    It takes about half a second per image for a mobile network at 224 px, because every call reads the graph.
    """

    name: ClassVar[str] = "tosa"
    package: ClassVar[str] = "tosa-tools"

    def __init__(self, graph: bytes, ends: tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]) -> None:
        self._graph = graph
        self._inputs, self._outputs = ends
        self._model = importlib.import_module("tosa_reference_model")

    @classmethod
    def open(cls, model: Path, options: Options) -> TosaModel:
        """Convert and load ``model``.

        Raises:
            InputError: The file is not int8 TFLite, or has an operation that TOSA cannot express.
            UsageError: ``options.extra`` is not empty.
        """
        check_options(cls.name, options)
        ends = _read(model)
        return cls(_convert(model), ends)

    def run(self, inputs: list[Array]) -> list[Array]:
        """Run one inference.

        Raises:
            InputError: The graph uses behaviour that TOSA leaves undefined, on which devices may differ.
        """
        results, status = self._model.run(self._graph, inputs)
        if status != self._model.GraphStatus.TOSA_VALID:
            raise InputError(f"the TOSA reference model stopped with {status.name}")
        return list(results)

    def describe(self) -> Description:
        """Describe the executor of the model, and its inputs and outputs."""
        return Description(
            runtime=self.name,
            version=version(self.package),
            execution="shipping",
            threads=1,
            providers=("TOSA reference model",),
            inputs=self._inputs,
            outputs=self._outputs,
        )


def _read(model: Path) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """Read inputs and outputs with their quantization, which TOSA drops, and refuse unsafe files."""
    tflite = importlib.import_module("tflite")
    data = model.read_bytes()
    if data[4:8] != b"TFL3":
        raise InputError(f"{model} is not a TFLite file")
    try:
        root = tflite.Model.GetRootAsModel(data, 0)
        graph = root.Subgraphs(0)
        _refuse_wrong_resize(model, root, graph, tflite)
        inputs = tuple(_tensor(graph.Tensors(int(index)), tflite) for index in graph.InputsAsNumpy())
        outputs = tuple(_tensor(graph.Tensors(int(index)), tflite) for index in graph.OutputsAsNumpy())
    # Errors of the generated reader at an invalid offset.
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise refused(model, TosaModel.name, error) from error
    for tensor in (*inputs, *outputs):
        if tensor.dtype != "int8" or tensor.scale is None:
            raise InputError(
                f"{model}: {tensor.name!r} is {tensor.dtype}; an NPU takes and gives int8",
                hint="export it for tflite-int8, which is integer from its input to its output",
            )
    return inputs, outputs


def _refuse_wrong_resize(model: Path, root: Any, graph: Any, tflite: Any) -> None:
    """Refuse nearest resize without half-pixel centres, which the converter maps to other pixels."""
    nearest = tflite.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = root.OperatorCodes(operator.OpcodeIndex())
        if max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) != nearest:
            continue
        table, options = operator.BuiltinOptions(), tflite.ResizeNearestNeighborOptions()
        if table is not None:
            options.Init(table.Bytes, table.Pos)
        if table is None or not options.HalfPixelCenters():
            raise InputError(
                f"{model}: operator {index} is nearest resize without half-pixel centres: TOSA gets it wrong",
                hint="resize with half-pixel centres, as PyTorch's 'nearest' becomes here, or bilinearly",
            )


def _tensor(tensor: Any, tflite: Any) -> TensorInfo:
    kinds = {
        tflite.TensorType.INT8: "int8",
        tflite.TensorType.UINT8: "uint8",
        tflite.TensorType.FLOAT32: "float32",
    }
    quantization = tensor.Quantization()
    quantized = quantization is not None and quantization.ScaleLength() == 1
    return TensorInfo(
        name=tensor.Name().decode("utf-8"),
        shape=tuple(int(size) for size in tensor.ShapeAsNumpy()),
        dtype=kinds.get(tensor.Type(), f"type {tensor.Type()}"),
        scale=float(quantization.Scale(0)) if quantized else None,
        zero_point=int(quantization.ZeroPoint(0)) if quantized else None,
        channels_last=True,
    )


def _convert(model: Path) -> bytes:
    """Return the file as a serialized TOSA graph."""
    tools = Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="edgecnn-tosa-") as folder:
        bytecode, graph = Path(folder) / "network.mlirbc", Path(folder) / "network.tosa"
        _run(model, [str(tools / "tosa-converter-for-tflite"), str(model), "--bytecode", "-o", str(bytecode)])
        _run(
            model,
            [
                *(str(tools / "tosa-opt"), str(bytecode), "-o", str(Path(folder) / "unused")),
                *("--tosa-serialize", f"--tosa-flatbuffer-filename={graph}"),
            ],
        )
        if not graph.is_file():
            raise InputError(f"{model} cannot become TOSA: the serializer wrote nothing")
        return graph.read_bytes()


def _run(model: Path, command: Sequence[str]) -> None:
    name = Path(command[0]).name
    try:
        done = run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=CONVERT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{model} cannot become TOSA: {name} did not end in {CONVERT_TIMEOUT_S:g} s"
        ) from None
    printed, complained = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    sys.stderr.write(printed + complained)
    if done.returncode != 0:
        words = (complained or printed).strip().splitlines()
        reason = next(
            (line for line in words if "error" in line.lower()), words[-1] if words else "no reason given"
        )
        raise InputError(f"{model} cannot become TOSA: {name}: {reason[:300]}")
