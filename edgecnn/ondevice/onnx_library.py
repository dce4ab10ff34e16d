"""ONNX Runtime as a library: without telemetry, and with one list of what it raises for a file."""

from __future__ import annotations

import importlib
import os
from typing import Any

_VARIABLE = "ORT_DISABLE_TELEMETRY"


def before_import() -> None:
    """Switch telemetry off for an import of ONNX Runtime that follows, unless the user has set it."""
    os.environ.setdefault(_VARIABLE, "1")


def after_import(library: Any) -> None:
    """Switch telemetry off in the imported module; old versions have no such function."""
    if hasattr(library, "disable_telemetry_events"):
        library.disable_telemetry_events()


def refusals() -> tuple[type[Exception], ...]:
    """Return every exception with which ONNX Runtime refuses a file or an input.

    These are the exceptions of its own, which have no common base; RuntimeError and MemoryError; and
    ValueError, which is also raised for a message in which a name of the file is not UTF-8.
    """
    native = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    own = [kind for kind in vars(native).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError, MemoryError)
