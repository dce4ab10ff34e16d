"""The table of runtimes: a new one is one line here and one file beside it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends.worker.runtime import check_memory
from edgecnn.core.errors import MissingDependency, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.worker.runtime import Options, Runtime


@dataclass(frozen=True)
class Entry:
    """Where a runtime's class is, and how its package is installed.

    Attributes:
        location: ``"module:Class"``, imported on use.
        distribution: Name of the package that holds the runtime.
        install: Command that installs it.
        toolchain: The environment of its own that it lives in; None where it is installed beside edgecnn.
        simulates: Whether it computes what other hardware computes: then its speed says nothing.
        saturates: Whether its int8 kernels saturate on an instruction set that makes them.
    """

    location: str
    distribution: str
    install: str
    toolchain: str | None = None
    simulates: bool = False
    saturates: bool = False


RUNTIMES: dict[str, Entry] = {
    "onnxruntime": Entry(
        "edgecnn.backends.onnx.runtime:OnnxRuntime",
        "onnxruntime",
        'pip install "edgecnn[onnx]"',
        saturates=True,
    ),
    "litert": Entry(
        "edgecnn.backends.tflite.runtime:LiteRt", "ai-edge-litert", 'pip install "edgecnn[tflite]"'
    ),
    "tflite-runtime": Entry(
        "edgecnn.backends.tflite.runtime:TfliteRuntime",
        "tflite-runtime",
        'in an environment of its own: pip install tflite-runtime "numpy<2"',
    ),
    "openvino": Entry(
        "edgecnn.backends.openvino.runtime:OpenVino",
        "openvino",
        'pip install "edgecnn[openvino]"',
        saturates=True,
    ),
    "tosa": Entry(
        "edgecnn.backends.tosa.runtime:TosaModel",
        "tosa-tools",
        "edgecnn toolchain install tosa",
        toolchain="tosa",
        simulates=True,
    ),
    "tflite-micro": Entry(
        "edgecnn.backends.tflm.runtime:TfliteMicro",
        "tflite-micro",
        "edgecnn toolchain install tflm",
        toolchain="tflm",
        simulates=True,
    ),
    "qnn": Entry(
        "edgecnn.backends.qnn.runtime:QnnHtp",
        "onnxruntime-qnn",
        "edgecnn toolchain install qnn",
        toolchain="qnn",
        simulates=True,
    ),
    "rknn": Entry(
        "edgecnn.backends.rknn.runtime:RknnSimulator",
        "rknn-toolkit2",
        "edgecnn toolchain install rknn",
        toolchain="rknn",
        simulates=True,
    ),
}


def entry_of(name: str) -> Entry:
    """Return a runtime's entry.

    Raises:
        UsageError: There is no runtime of that name.
    """
    try:
        return RUNTIMES[name]
    except KeyError:
        raise UsageError(f"no runtime is called {name!r}; there are {', '.join(RUNTIMES)}") from None


def simulator(name: str) -> str | None:
    """Return a runtime's name if it simulates other hardware, else None.

    >>> simulator("tosa"), simulator("litert")
    ('tosa', None)
    """
    return name if entry_of(name).simulates else None


def import_runtime(name: str) -> type[Runtime]:
    """Import a runtime's class and its package.

    Raises:
        UsageError: There is no runtime of that name.
        MissingDependency: Its package is not installed.
        MemoryError: There was not enough memory.
    """
    entry = entry_of(name)
    module, _, attribute = entry.location.partition(":")
    try:
        kind: type[Runtime] = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise _missing(name, error) from error
    return kind


def open_runtime(name: str, model: Path, options: Options) -> Runtime:
    """Import a runtime and open a model in it.

    Raises:
        UsageError: There is no runtime of that name, or it has no such option.
        MissingDependency: Its package, or one that it imports on opening, is not installed.
        InputError: The file is not a model that the runtime can run.
        MemoryError: There was not enough memory.
    """
    kind = import_runtime(name)
    try:
        return kind.open(model, options)
    except ImportError as error:
        raise _missing(name, error) from error


def _missing(name: str, error: ImportError) -> MissingDependency:
    check_memory(error)
    entry = entry_of(name)
    return MissingDependency(
        f"runtime {name} needs the package {entry.distribution}: {error}", hint=entry.install
    )
