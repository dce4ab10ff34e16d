"""Rockchip's NPUs, simulated by the toolkit that compiles for them."""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from edgecnn.backends.worker.runtime import Description, Options, Runtime, check_options, refused
from edgecnn.core.errors import InputError, UsageError
from edgecnn.ondevice.tensor import Array, TensorInfo


class RknnSimulator(Runtime):
    """A quantize/dequantize ONNX file in the simulator of Rockchip's RKNN toolkit.

    The toolkit builds the network for the chip from the scales in the file and simulates the result; it
    cannot simulate a compiled ``.rknn`` file alone. Shipping and reference execution are the same.

    Options: ``platform`` names the chip, ``export`` a file for the compiled network. With ``export`` the
    toolkit also prints the table of layers that :mod:`edgecnn.backends.rknn.compiler` reads.
    """

    name: ClassVar[str] = "rknn"
    package: ClassVar[str] = "rknn-toolkit2"

    def __init__(
        self, kit: Any, ends: tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]], platform: str
    ) -> None:
        self._kit = kit
        self._inputs, self._outputs = ends
        self._platform = platform

    @classmethod
    def open(cls, model: Path, options: Options) -> RknnSimulator:
        """Build ``model`` for the chip.

        Raises:
            InputError: The file is not int8 ONNX, or the toolkit cannot build it.
            UsageError: The chip is missing, or an option is unknown.
        """
        check_options(cls.name, options, ("platform", "export"))
        if "platform" not in options.extra:
            raise UsageError("no platform")
        toolkit = importlib.import_module("rknn.api")
        platform, export = options.extra["platform"], options.extra.get("export")
        model, export = model.resolve(), None if export is None else str(Path(export).resolve())
        # The toolkit writes its intermediate graphs into the working directory.
        with tempfile.TemporaryDirectory(prefix="edgecnn-rknn-") as folder, contextlib.chdir(folder):
            source = Path(folder) / "network.onnx"
            ends = _sort(model, source)
            kit = toolkit.RKNN(verbose=export is not None)
            try:
                _check(model, "config", kit.config(target_platform=platform))
                _check(model, "load", kit.load_onnx(model=str(source)))
                _check(model, "build", kit.build(do_quantization=False))
                if export is not None:
                    _check(model, "export", kit.export_rknn(export))
                _check(model, "start", kit.init_runtime())
            # The toolkit raises ValueError or Exception, with its whole traceback in the text.
            except (ValueError, RuntimeError, KeyError, TypeError) as error:
                raise refused(model, cls.name, _shortened(error)) from error
        return cls(kit, ends, platform)

    def run(self, inputs: list[Array]) -> list[Array]:
        """Run one inference; the toolkit quantizes the image and dequantizes the outputs."""
        outputs: list[Array] = self._kit.inference(inputs=inputs, data_format="nchw")
        return outputs

    def describe(self) -> Description:
        """Describe the executor of the model, and its inputs and outputs."""
        return Description(
            runtime=self.name,
            version=version(self.package),
            execution="shipping",
            threads=1,
            providers=(f"NPU of {self._platform}, simulated",),
            inputs=self._inputs,
            outputs=self._outputs,
        )


def _sort(model: Path, out: Path) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """Write the model with its nodes in an order of execution, which the toolkit requires.

    ONNX Runtime's quantizer appends its nodes at the end. Returns the model's inputs and outputs.
    """
    onnx = importlib.import_module("onnx")
    tools = importlib.import_module("onnxruntime.quantization.onnx_model")
    try:
        network = tools.ONNXModel(onnx.load_model(model, load_external_data=False))
    except importlib.import_module("google.protobuf.message").DecodeError as error:
        raise refused(model, RknnSimulator.name, error) from error
    graph = network.model.graph
    if not any(node.op_type == "QuantizeLinear" for node in graph.node):
        raise InputError(
            f"{model} is not quantized, and the NPU runs integer files only",
            hint="give the int8 file that a target such as rockchip-rk3588 makes",
        )
    network.topological_sort()
    onnx.save_model(network.model, out)
    return tuple(_tensor(onnx, value) for value in graph.input), tuple(
        _tensor(onnx, value) for value in graph.output
    )


def _tensor(onnx: Any, value: Any) -> TensorInfo:
    kind = value.type.tensor_type
    shape = tuple(size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim)
    return TensorInfo(value.name, shape, np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name)


def _check(model: Path, what: str, code: int) -> None:
    if code != 0:
        raise InputError(
            f"{model}: the RKNN toolkit could not {what} it (code {code})", hint="its log says why"
        )


def _shortened(error: Exception) -> ValueError:
    """Return the last line of an error, which is the reason; the other lines are the toolkit's stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return ValueError(lines[-1] if lines else type(error).__name__)
