"""Qualcomm's Hexagon Tensor Processor (HTP), simulated on x86 by QNN's own backend."""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar

import onnxruntime

from edgecnn.backends.onnx.runtime import REFUSALS, OnnxRuntime
from edgecnn.backends.worker.runtime import Description, Options, check_options, refused
from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

SOCS = {
    "sa8255": 52,
    "sa8295": 39,
    "sm8350": 30,
    "sm8450": 36,
    "sm8475": 42,
    "sm8550": 43,
    "sm8650": 57,
    "sm8750": 69,
    "sm8850": 87,
    "qcs9100": 77,
}
"""QNN's number of each chip (``QNN_SOC_MODEL_*`` in its ``QnnTypes.h``)."""

_PROVIDER = "QNNExecutionProvider"


class QnnHtp(OnnxRuntime):
    """A quantize/dequantize ONNX file on the HTP backend of ONNX Runtime's QNN execution provider.

    The same library compiles and simulates. An operation that the HTP lacks would run on the CPU without
    notice, so this is forbidden, except when a context binary is written, in which such operations can be
    counted. Shipping and reference execution are the same.

    Options: ``soc`` names the chip, ``context`` a file for the compiled network.
    """

    name: ClassVar[str] = "qnn"
    package: ClassVar[str] = "onnxruntime-qnn"

    @classmethod
    def open(cls, model: Path, options: Options) -> QnnHtp:
        """Compile and load ``model``.

        Raises:
            InputError: The file is not ONNX, or the HTP lacks some of its operations.
            UsageError: The chip or an option is unknown.
        """
        check_options(cls.name, options, ("soc", "context"))
        soc = options.extra.get("soc", "")
        if soc not in SOCS:
            raise UsageError(f"{soc!r} is no chip with an HTP that edgecnn knows", hint=", ".join(SOCS))
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        for key, value in _session_entries(options.extra.get("context")).items():
            settings.add_session_config_entry(key, value)
        library = importlib.import_module("onnxruntime_qnn")
        provider = {
            "backend_path": library.get_qnn_htp_path(),
            "soc_model": str(SOCS[soc]),
            # Otherwise the CPU would quantize the image.
            "offload_graph_io_quantization": "0",
        }
        try:
            settings.add_provider_for_devices(_devices(library.get_library_path()), provider)
            session = onnxruntime.InferenceSession(model, settings)
        except REFUSALS as error:
            raise refused(model, cls.name, error) from error
        return cls(session, options)

    def describe(self) -> Description:
        """Describe the executor of the model, and its inputs and outputs."""
        return Description(
            runtime=self.name,
            version=version(self.package),
            execution="shipping",
            threads=self._options.threads,
            providers=(f"HTP of {self._options.extra['soc']}, simulated",),
            inputs=self._inputs,
            outputs=self._outputs,
        )


def _session_entries(context: str | None) -> dict[str, str]:
    if context is None:
        return {"session.disable_cpu_ep_fallback": "1"}
    return {
        "ep.context_enable": "1",
        "ep.context_embed_mode": "1",
        "ep.context_file_path": context,
    }


def _devices(library: str) -> list[onnxruntime.OrtEpDevice]:
    """Return the execution provider's devices; its library is registered once per process."""
    found = [device for device in onnxruntime.get_ep_devices() if device.ep_name == _PROVIDER]
    if found:
        return found[:1]
    onnxruntime.register_execution_provider_library(_PROVIDER, library)
    return [device for device in onnxruntime.get_ep_devices() if device.ep_name == _PROVIDER][:1]
