"""The runtime of another package, with results that are checked and errors that name package and method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.backends.worker.runtime import Description, Runtime, check_memory
from edgecnn.core.errors import EdgecnnError, WorkerError
from edgecnn.core.foreign_code import described
from edgecnn.ondevice.tensor import TensorInfo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import NoReturn, TypeVar

    from edgecnn.backends.worker.runtime import Options
    from edgecnn.backends.worker.runtime_code import RuntimeCode
    from edgecnn.ondevice.tensor import Array

    Value = TypeVar("Value")

_NUMBERS = "iuf"
"""Kinds of numpy's types that a tensor may have: integers and floats."""


class GuardedRuntime(Runtime):
    """A runtime of another package whose methods raise a WorkerError that names the package.

    Args:
        kind: The runtime's class.
        code: Location of its code.
        model: The model file.
        options: Settings of the execution.

    Raises:
        WorkerError: The class raised something else than an error of edgecnn, made no runtime, or describes
            one that cannot be.
        ImportError: A package is not installed.
        MemoryError: There was not enough memory.
    """

    def __init__(self, kind: type[Runtime], code: RuntimeCode, model: Path, options: Options) -> None:
        self._what = f"runtime {code.name} of {code.origin}"
        self._kind = kind
        self._execution = options.execution
        self._runtime = self._call("open", lambda: kind.open(model, options))
        if not isinstance(self._runtime, Runtime):
            self._wrong("open", f"a {type(self._runtime).__name__}, not a Runtime")
        self._outputs = self.describe().outputs

    @classmethod
    def open(cls, model: Path, options: Options) -> Runtime:
        """Raise an error, because the class of the other package opens files."""
        raise NotImplementedError

    def run(self, inputs: list[Array]) -> list[Array]:
        """Run one inference and check that it returns the outputs that :meth:`describe` describes."""
        results = self._call("run", lambda: self._runtime.run(inputs))
        if not isinstance(results, list | tuple) or not all(isinstance(each, np.ndarray) for each in results):
            self._wrong("run", f"a {type(results).__name__}, not a list of arrays")
        if len(results) != len(self._outputs):
            self._wrong("run", f"{len(results)} arrays; describe names {len(self._outputs)} outputs")
        for info, result in zip(self._outputs, results, strict=True):
            if result.dtype != np.dtype(info.dtype) or not _fits(result.shape, info.shape):
                self._wrong(
                    "run",
                    f"{result.dtype} {list(result.shape)} for output {info.name!r}; describe says "
                    f"{info.dtype} {list(info.shape)}",
                )
            if result.dtype.kind == "f" and not np.isfinite(result).all():
                self._wrong("run", f"values that are not finite for output {info.name!r}")
        return list(results)

    def describe(self) -> Description:
        """Return the runtime's own description, which is checked."""
        description = self._call("describe", self._runtime.describe)
        if not isinstance(description, Description):
            self._wrong("describe", f"a {type(description).__name__}, not a Description")
        problem = _problem_of(description)
        if not problem and description.execution != self._execution:
            problem = f"execution is {description.execution!r}, and {self._execution!r} was asked for"
        if problem:
            self._wrong("describe", f"a Description that cannot be: {problem}")
        return description

    def _call(self, name: str, method: Callable[[], Value]) -> Value:
        try:
            return method()
        except (EdgecnnError, ImportError, MemoryError):
            raise
        except SystemExit as error:
            raise WorkerError(f"{self._what} failed: {name} ends the program") from error
        except Exception as error:  # code of other packages may raise anything
            check_memory(error)
            raise WorkerError(f"{self._what} failed: {name} raised {described(error, self._kind)}") from error

    def _wrong(self, name: str, value: str) -> NoReturn:
        raise WorkerError(f"{self._what} failed: {name} returned {value}")


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Return whether a shape is the wanted one, in which -1 stands for any size."""
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(want in (-1, size) for size, want in pairs)


def _problem_of(description: Description) -> str:
    """Return what is wrong with a description; empty if nothing is."""
    counted, providers = description.memory_bytes, description.providers
    sizes = list(counted.values()) if isinstance(counted, dict) else [None]
    right = {
        "runtime": isinstance(description.runtime, str),
        "version": isinstance(description.version, str),
        "threads": _is_whole(description.threads, at_least=1),
        "providers": isinstance(providers, list | tuple) and all(isinstance(one, str) for one in providers),
        "memory_bytes": all(_is_whole(size, at_least=0) for size in sizes),
        "inputs": isinstance(description.inputs, list | tuple) and len(description.inputs) > 0,
        "outputs": isinstance(description.outputs, list | tuple) and len(description.outputs) > 0,
    }
    wrong = _first_wrong(description, right)
    if wrong:
        return wrong
    for name in ("inputs", "outputs"):
        for place, info in enumerate(getattr(description, name)):
            if not isinstance(info, TensorInfo):
                return f"{name}[{place}] is a {type(info).__name__}, not a TensorInfo"
            problem = _problem_of_tensor(info)
            if problem:
                return f"{name}[{place}].{problem}"
    return ""


def _problem_of_tensor(info: TensorInfo) -> str:
    kind, scale, sizes = _kind_of(info.dtype), info.scale, info.shape
    right = {
        "name": isinstance(info.name, str),
        "shape": isinstance(sizes, list | tuple) and all(_is_whole(size, at_least=-1) for size in sizes),
        "dtype": kind in _NUMBERS,
        "scale": scale is None or (isinstance(scale, float | int) and 0 < scale < math.inf and kind != "f"),
        "zero_point": info.zero_point is None or _is_whole(info.zero_point),
    }
    return _first_wrong(info, right)


def _first_wrong(item: object, right: dict[str, bool]) -> str:
    """Return the first field that is not right, with its value; empty if all are."""
    return next((f"{name} is {getattr(item, name)!r:.100}" for name, fits in right.items() if not fits), "")


def _kind_of(dtype: object) -> str:
    """Return numpy's letter for the kind of a type that is named; ``?`` if there is no such type."""
    try:
        return np.dtype(dtype).kind if isinstance(dtype, str) else "?"
    except TypeError:
        return "?"


def _is_whole(value: object, *, at_least: float = -math.inf) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= at_least
