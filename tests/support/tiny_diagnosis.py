"""The tiny network's float and int8 ONNX file with its images, to be compared layer by layer in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecnn.data.prepared import PreparedSet
from edgecnn.proof.diagnosis.subject import DiagnosisRequest
from tests.support import tiny_models as tiny


def write_request(folder: Path, images: int = 6) -> DiagnosisRequest:
    """Write the files and a prepared set without labels, and return the request to diagnose them."""
    (folder / "images").mkdir()
    names = tuple(f"image {index}" for index in range(images))
    PreparedSet.write(
        folder / "images",
        tiny.images(images),
        np.full(images, -1, np.int64),
        classes=(),
        names=names,
        contract=tiny.CONTRACT,
    )
    return DiagnosisRequest(
        format="onnx",
        model=tiny.write_quantized_onnx(folder / "int8.onnx"),
        float_model=tiny.write_onnx(folder / "float.onnx"),
        images=folder / "images",
        network=None,
        target=None,
        shipping="shipping",
        runtime="onnxruntime",
        host_isa="x86-64-avx2",
        saturates=False,
    )
