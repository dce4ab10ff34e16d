"""The TFLite format."""

from __future__ import annotations

from edgecnn.backends.format import FolderFormat


class TfliteFormat(FolderFormat):
    """TFLite for LiteRT: batch 1, NHWC; int8 files are integer throughout, input and output included."""

    file = "model.tflite"
