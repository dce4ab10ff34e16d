"""Which references name an ONNX file as the source of a network; nothing is imported for it."""

from __future__ import annotations

SUFFIX = ".onnx"


def names_onnx_file(reference: str) -> bool:
    """Whether a reference to a network names an ONNX file.

    >>> names_onnx_file("detector.onnx"), names_onnx_file("zoo:mobilenetv2")
    (True, False)
    """
    return reference.endswith(SUFFIX)
