"""Which integer kernels a target's files meet, asked of the backend that knows them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from edgecnn.backends.worker.isa import isa_named

if TYPE_CHECKING:
    from edgecnn.quantization.kernels import Kernels

ANY_ISA = "any"
"""Stands for every instruction set: a file for it is right on all of them."""

_KERNELS = {
    "onnx": "edgecnn.backends.onnx.kernels:int8_kernels",
    "openvino": "edgecnn.backends.openvino.kernels:int8_kernels",
    "tflite": "edgecnn.backends.tflite.kernels:int8_kernels",
}


def kernels_of(format_name: str, isa: str) -> Kernels:
    """Return what the int8 kernels for a format do on an instruction set.

    Args:
        format_name: Name of the format.
        isa: Name of an instruction set, or ``any``.

    Raises:
        UsageError: There is no such instruction set.

    >>> kernels_of("onnx", "any").weights, kernels_of("onnx", "arm64").weights
    ('pairs-hwc', 'symmetric')
    """
    module, _, attribute = _KERNELS[format_name].partition(":")
    kernels: Kernels = getattr(importlib.import_module(module), attribute)(
        None if isa == ANY_ISA else isa_named(isa)
    )
    return kernels
