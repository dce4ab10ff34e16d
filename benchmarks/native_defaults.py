"""Quantize a float file as each vendor's documentation says, with nothing chosen: what users get by default.

    python benchmarks/native_defaults.py onnx model.onnx CALIBRATION_SET out.onnx

Sources: ONNX Runtime, "Quantize ONNX models" (``quantize_static`` after ``quant_pre_process``); NNCF, "Basic
quantization flow" (``nncf.quantize``); AI Edge Quantizer, "Getting started" (``static_wi8_ai8`` with its own
calibration). `quantization.py` compares the results with edgecnn's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.data.prepared import PreparedSet
from edgecnn.ondevice.normalize import normalize


def main() -> None:
    """Run the quantizer that the first argument names."""
    form, model, calibration, out = sys.argv[1:]
    images = PreparedSet.open(Path(calibration))
    samples = [
        normalize(np.asarray(images.images[index : index + 1]), images.contract)
        for index in range(len(images))
    ]
    if form != "tflite":
        samples = [np.ascontiguousarray(sample.transpose(0, 3, 1, 2)) for sample in samples]
    {"onnx": onnx_default, "tflite": tflite_default, "openvino": openvino_default}[form](model, samples, out)


def onnx_default(model: str, samples: list[Any], out: str) -> None:
    """ONNX Runtime's ``quantize_static`` with its default types, per tensor."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(samples)

        def get_next(self) -> dict[str, Any] | None:
            sample = next(self._left, None)
            return None if sample is None else {"input": sample}

    prepared = f"{out}.prepared.onnx"
    quant_pre_process(model, prepared)
    quantize_static(prepared, out, Reader())


def tflite_default(model: str, samples: list[Any], out: str) -> None:
    """AI Edge Quantizer's recipe for static int8, calibrated by itself."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import recipe
    from ai_edge_quantizer.quantizer import Quantizer

    quantizer = Quantizer(model, recipe.static_wi8_ai8())
    (name,) = Interpreter(model).get_signature_list()["serving_default"]["inputs"]
    ranges = quantizer.calibrate({"serving_default": [{name: sample} for sample in samples]})
    quantizer.quantize(ranges).export_model(out)


def openvino_default(model: str, samples: list[Any], out: str) -> None:
    """NNCF's ``quantize`` with its default preset."""
    import nncf
    import openvino

    graph = openvino.Core().read_model(model)
    dataset = nncf.Dataset(samples)
    openvino.save_model(nncf.quantize(graph, dataset, subset_size=len(samples)), out)


if __name__ == "__main__":
    main()
