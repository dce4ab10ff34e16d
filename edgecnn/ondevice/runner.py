"""Execution of a package's model with one of the runtimes that the device has.

A runtime is imported when a model is opened. The processor is checked before: a runtime for another processor
would crash the process, which then could not report the reason.
"""

from __future__ import annotations

import importlib
import platform
import struct
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np

from edgecnn.ondevice import onnx_library
from edgecnn.ondevice.failure import DamagedPackage, RuntimeUnavailable
from edgecnn.ondevice.tensor import Array, TensorInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

Execution = Literal["shipping", "reference"]

MACHINES = ("aarch64", "arm64", "armv7l", "armv8l", "x86_64", "AMD64")
"""Processors that have builds of the runtimes, by the names of ``platform.machine()``."""

_ONNX_TYPES = {"tensor(float)": "float32", "tensor(int8)": "int8", "tensor(uint8)": "uint8"}


class Runner(Protocol):
    """An open model."""

    name: ClassVar[str]
    version: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    def run(self, tensor: Array) -> list[Array]:
        """Run one inference on a tensor of the model's own type and layout; outputs are in its own types."""


class LiteRtRunner:
    """A TFLite file in LiteRT's interpreter; reference execution uses its reference kernels."""

    name: ClassVar[str] = "litert"
    module: ClassVar[str] = "ai_edge_litert"

    def __init__(self, model: Path, execution: Execution, threads: int) -> None:
        library = _import(f"{self.module}.interpreter", self.name)
        kinds = library.OpResolverType
        kind = kinds.BUILTIN_REF if execution == "reference" else kinds.AUTO
        try:
            self._interpreter = library.Interpreter(
                model_path=str(model), num_threads=threads, experimental_op_resolver_type=kind
            )
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise _refused(model, self.name, error) from error
        details = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._indices = [[item["index"] for item in side] for side in details]
        self.inputs, self.outputs = (tuple(litert_tensor(item) for item in side) for side in details)
        self.version = str(getattr(importlib.import_module(self.module), "__version__", "unknown"))

    def run(self, tensor: Array) -> list[Array]:
        """Run one inference."""
        self._interpreter.set_tensor(self._indices[0][0], tensor)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._indices[1]]


class TfliteRuntimeRunner(LiteRtRunner):
    """A TFLite file in tflite-runtime, LiteRT's predecessor and the only one for 32-bit Arm."""

    name = "tflite-runtime"
    module = "tflite_runtime"


class OnnxRunner:
    """An ONNX file in ONNX Runtime; reference execution disables graph optimization."""

    name: ClassVar[str] = "onnxruntime"

    def __init__(self, model: Path, execution: Execution, threads: int) -> None:
        onnx_library.before_import()
        library = _import("onnxruntime", self.name)
        onnx_library.after_import(library)
        settings = library.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
        if execution == "reference":
            settings.graph_optimization_level = library.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session = library.InferenceSession(str(model), settings, providers=["CPUExecutionProvider"])
        except onnx_library.refusals() as error:
            raise _refused(model, self.name, error) from error
        self.inputs = tuple(_onnx_tensor(node) for node in self._session.get_inputs())
        self.outputs = tuple(_onnx_tensor(node) for node in self._session.get_outputs())
        self.version = str(library.__version__)

    def run(self, tensor: Array) -> list[Array]:
        """Run one inference."""
        outputs: list[Array] = self._session.run(None, {self.inputs[0].name: tensor})
        return outputs


RUNNERS: dict[str, type[LiteRtRunner] | type[OnnxRunner]] = {
    runner.name: runner for runner in (LiteRtRunner, TfliteRuntimeRunner, OnnxRunner)
}
INSTALL = {
    "litert": "pip install ai-edge-litert",
    "tflite-runtime": 'pip install tflite-runtime "numpy<2"',
    "onnxruntime": "pip install onnxruntime",
}


def open_runner(
    model: Path, runtimes: Sequence[str], *, execution: Execution = "shipping", threads: int = 1
) -> Runner:
    """Open a model with the first of ``runtimes`` that is installed.

    Raises:
        RuntimeUnavailable: None is installed, or none is built for this device's processor.
        DamagedPackage: The runtime rejects the file.
    """
    check_device()
    missing: list[str] = []
    for name in runtimes:
        if name not in RUNNERS:
            raise RuntimeUnavailable(f"no runtime is called {name!r}; there are {', '.join(RUNNERS)}")
        try:
            return RUNNERS[name](model, execution, threads)
        except RuntimeUnavailable as error:
            missing.append(str(error))
    raise RuntimeUnavailable("; ".join(missing))


def check_device() -> None:
    """Check that runtimes are built for this processor.

    Raises:
        RuntimeUnavailable: They are not, for example for a Raspberry Pi Zero or 1 (``armv6l``).
    """
    machine, bits = platform.machine(), 8 * struct.calcsize("P")
    if machine not in MACHINES:
        raise RuntimeUnavailable(
            f"this device's processor is {machine or 'unknown'} ({bits} bit); the runtimes are built for "
            f"{', '.join(MACHINES)}"
        )


def _import(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        reason = "is not installed"
    except (ImportError, OSError, AttributeError) as error:
        # It was built for another processor, C library or numpy; the loader's message says which.
        reason = (
            f"does not work on this device ({str(error).splitlines()[0][:200] if str(error) else error!r})"
        )
    raise RuntimeUnavailable(f"{name} {reason}: {INSTALL[name]}")


def _refused(model: Path, name: str, error: Exception) -> DamagedPackage:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return DamagedPackage(f"{model.name} cannot be opened by {name}: {reason}")


def litert_tensor(detail: Mapping[str, Any]) -> TensorInfo:
    """Return an input or output as LiteRT's interpreter describes it."""
    scale, zero_point = detail["quantization"]
    quantized = scale != 0.0
    return TensorInfo(
        name=detail["name"],
        shape=tuple(int(size) for size in detail["shape_signature"]),
        dtype=np.dtype(detail["dtype"]).name,
        scale=float(scale) if quantized else None,
        zero_point=int(zero_point) if quantized else None,
        channels_last=True,
    )


def _onnx_tensor(node: Any) -> TensorInfo:
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return TensorInfo(node.name, shape, _ONNX_TYPES.get(node.type, node.type))
