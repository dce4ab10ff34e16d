"""Quantize a float file as each vendor's documentation says, with nothing chosen: what users get by default.

    python benchmarks/native_defaults.py onnx model.onnx CALIBRATION_SET out.onnx

Sources: ONNX Runtime, "Quantize ONNX models" (``quantize_static`` after ``quant_pre_process``); NNCF, "Basic
quantization flow" (``nncf.quantize``); AI Edge Quantizer, "Getting started" (``static_wi8_ai8`` with its own
calibration); onnx2tf, "CLI Parameter" (``-oiqt``). `quantization.py` compares the results with edgecnn's.
`vendor_tools.py` measures with these functions what the tools cost alone, so edgecnn is imported only where
it is used.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Run the quantizer that the first argument names."""
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.ondevice.normalize import normalize

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


def onnx2tf_default(python: Path, model: Path, calibration: Path, folder: Path) -> Path:
    """Convert a float ONNX file by onnx2tf and TensorFlow's converter to int8, weights a channel.

    Both live in an environment of their own, as they need other versions of numpy and onnx than edgecnn. The
    tool checks its float file with photos that it downloads; it is given calibration images in their place.

    Args:
        python: Interpreter of that environment.
        model: The float file, with the input ``input``.
        calibration: Directory of a prepared set.
        folder: Where everything is written.
    """
    from edgecnn.data.prepared import PreparedSet

    images = PreparedSet.open(calibration)
    pixels = np.asarray(images.images, np.float32)
    np.save(folder / "calibration.npy", pixels)
    samples = pixels[:20, :128, :128] / 255
    np.save(folder / f"calibration_image_sample_data_{len(samples)}x128x128x3_float32.npy", samples)
    mean, std = (str([[[list(values)]]]) for values in (images.contract.mean, images.contract.std))
    quantization = ["-oiqt", "-qt", "per-channel", "-cind", "input", "calibration.npy", mean, std]
    subprocess.run(
        [str(python), "-m", "onnx2tf", "-i", str(model.resolve()), "-o", "onnx2tf", *quantization],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
    )
    return folder / "onnx2tf" / "model_full_integer_quant.tflite"


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
