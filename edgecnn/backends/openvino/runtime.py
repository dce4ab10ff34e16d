"""OpenVINO on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openvino

from edgecnn.backends.openvino.device import core
from edgecnn.backends.worker.runtime import Description, Options, Runtime, refused
from edgecnn.core.errors import InputError
from edgecnn.ondevice.tensor import Array, TensorInfo

if TYPE_CHECKING:
    from pathlib import Path

# A plugin that may choose its arithmetic uses bfloat16 or float16 if the CPU has it, and the same file would
# give other results on another machine.
_FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}


class OpenVino(Runtime):
    """An OpenVINO IR in the CPU plugin.

    Shipping execution optimizes for latency, reference execution for accuracy. The plugin's int8 kernels
    apply in both, so the reference of a quantized network is another file, in which the quantization is
    written as float operations.
    """

    def __init__(self, compiled: openvino.CompiledModel, options: Options) -> None:
        self._compiled = compiled
        self._options = options
        self._request = compiled.create_infer_request()
        self._inputs = tuple(_tensor(port, f"input_{index}") for index, port in enumerate(compiled.inputs))
        self._outputs = tuple(_tensor(port, f"output_{index}") for index, port in enumerate(compiled.outputs))

    @classmethod
    def open(cls, model: Path, options: Options) -> OpenVino:
        """Load ``model`` (the ``.xml``); ``options.extra`` are properties of the CPU plugin.

        Raises:
            InputError: The file is not a model, or its weights are missing or truncated.
        """
        if model.suffix == ".xml":
            _check_weights(model)
        hint = (
            {"PERFORMANCE_HINT": "LATENCY"}
            if options.execution == "shipping"
            else {"EXECUTION_MODE_HINT": "ACCURACY"}
        )
        properties = {**hint, **_FLOAT32, "INFERENCE_NUM_THREADS": options.threads, **options.extra}
        try:
            compiled = core().compile_model(str(model), "CPU", properties)
        except RuntimeError as error:
            raise refused(model, "openvino", error) from error
        return cls(compiled, options)

    def run(self, inputs: list[Array]) -> list[Array]:
        """Run one inference; the outputs are views, valid until the next call."""
        for index, value in enumerate(inputs):
            self._request.set_input_tensor(index, openvino.Tensor(value, shared_memory=True))
        self._request.infer()
        return [self._request.get_output_tensor(index).data for index in range(len(self._outputs))]

    def describe(self) -> Description:
        """Describe the executor of the model, and its inputs and outputs."""
        return Description(
            runtime="openvino",
            version=str(openvino.__version__).partition("-")[0],
            execution=self._options.execution,
            threads=int(self._compiled.get_property("INFERENCE_NUM_THREADS")),
            providers=tuple(self._compiled.get_property("EXECUTION_DEVICES")),
            inputs=self._inputs,
            outputs=self._outputs,
        )


def _check_weights(model: Path) -> None:
    """Refuse an IR without weights; the plugin would only report an unreadable constant."""
    weights = model.with_suffix(".bin")
    if model.is_file() and not weights.is_file():
        raise InputError(f"{model} has no weights beside it: {weights.name} is missing")


def _tensor(port: openvino.ConstOutput, fallback: str) -> TensorInfo:
    partial = port.get_partial_shape()
    shape = tuple(-1 if size.is_dynamic else size.get_length() for size in partial)
    names = sorted(port.get_names())
    return TensorInfo(names[0] if names else fallback, shape, port.get_element_type().to_dtype().name)
