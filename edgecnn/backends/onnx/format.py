"""The ONNX format."""

from __future__ import annotations

from edgecnn.backends.format import FolderFormat


class OnnxFormat(FolderFormat):
    """ONNX for ONNX Runtime: batch 1, NCHW, float input and output; int8 as quantize/dequantize pairs."""

    file = "model.onnx"
