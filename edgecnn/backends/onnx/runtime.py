"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime

from edgecnn.backends.worker.runtime import Description, Options, Runtime, refused
from edgecnn.ondevice.onnx_library import refusals
from edgecnn.ondevice.tensor import Array, TensorInfo

if TYPE_CHECKING:
    from pathlib import Path

REFUSALS = refusals()
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


class OnnxRuntime(Runtime):
    """An ONNX file in ONNX Runtime's CPU execution provider.

    Shipping execution is a plain ``InferenceSession``: all graph optimizations, so that quantize/dequantize
    pairs become integer kernels. Reference execution disables graph optimization: each dequantized
    convolution runs in float, so no integer kernel can saturate.
    """

    def __init__(self, session: onnxruntime.InferenceSession, options: Options) -> None:
        self._session = session
        self._options = options
        self._inputs = tuple(_tensor(node) for node in session.get_inputs())
        self._outputs = tuple(_tensor(node) for node in session.get_outputs())

    @classmethod
    def open(cls, model: Path, options: Options) -> OnnxRuntime:
        """Load ``model``; ``options.extra`` are session configuration entries."""
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        if options.execution == "reference":
            settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            for key, value in options.extra.items():
                settings.add_session_config_entry(key, value)
            session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
        except REFUSALS as error:
            raise refused(model, "onnxruntime", error) from error
        return cls(session, options)

    def run(self, inputs: list[Array]) -> list[Array]:
        """Run one inference."""
        feed = {tensor.name: value for tensor, value in zip(self._inputs, inputs, strict=True)}
        outputs: list[Array] = self._session.run(None, feed)
        return outputs

    def describe(self) -> Description:
        """Describe the executor of the model, and its inputs and outputs."""
        return Description(
            runtime="onnxruntime",
            version=onnxruntime.__version__,
            execution=self._options.execution,
            threads=self._options.threads,
            providers=tuple(self._session.get_providers()),
            inputs=self._inputs,
            outputs=self._outputs,
        )


def _tensor(node: onnxruntime.NodeArg) -> TensorInfo:
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return TensorInfo(node.name, shape, _DTYPES.get(node.type, node.type))
