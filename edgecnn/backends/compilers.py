"""The table of compilers: a new one is one line here, one file beside this one, its options in a target."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.backends.compiler import Compiler


@dataclass(frozen=True)
class Entry:
    """Where a compiler is and what it takes and makes.

    Attributes:
        location: ``"module:Class"``, imported on use; the class takes the target's options as keywords.
        toolchain: The environment that it lives in.
        compiled: Name of the file that it makes.
        packages: Distributions beside edgecnn that read its files back.
    """

    location: str
    toolchain: str
    compiled: str
    packages: tuple[str, ...]


COMPILERS: dict[str, Entry] = {
    "vela": Entry("edgecnn.backends.vela.compiler:Vela", "vela", "compiled.tflite", ("ai-edge-litert",)),
    "qnn": Entry("edgecnn.backends.qnn.compiler:Qnn", "qnn", "compiled.onnx", ("onnx", "onnxruntime")),
    "rknn": Entry("edgecnn.backends.rknn.compiler:Rknn", "rknn", "compiled.rknn", ("onnx", "onnxruntime")),
}


def make_compiler(name: str, options: Mapping[str, Any]) -> Compiler:
    """Return a compiler with a target's options."""
    module, _, attribute = COMPILERS[name].location.partition(":")
    made: Compiler = getattr(importlib.import_module(module), attribute)(**options)
    return made
