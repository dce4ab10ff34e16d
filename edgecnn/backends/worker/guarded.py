"""The runtime of another package, with errors that name the package and the method."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.backends.worker.runtime import Description, Runtime, check_memory
from edgecnn.core.errors import EdgecnnError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TypeVar

    from edgecnn.backends.worker.runtime import Options
    from edgecnn.backends.worker.runtime_code import RuntimeCode
    from edgecnn.ondevice.tensor import Array

    Value = TypeVar("Value")


class GuardedRuntime(Runtime):
    """A runtime of another package whose methods raise a WorkerError that names the package.

    Args:
        kind: The runtime's class.
        code: Location of its code.
        model: The model file.
        options: Settings of the execution.

    Raises:
        WorkerError: The class raised something else than an error of edgecnn, or made no runtime.
        ImportError: A package is not installed.
        MemoryError: There was not enough memory.
    """

    def __init__(self, kind: type[Runtime], code: RuntimeCode, model: Path, options: Options) -> None:
        self._what = f"runtime {code.name} of {code.origin}"
        self._runtime = self._call("open", lambda: kind.open(model, options))
        if not isinstance(self._runtime, Runtime):
            self._wrong("open", f"a {type(self._runtime).__name__}, not a Runtime")
        self._outputs = len(self.describe().outputs)

    @classmethod
    def open(cls, model: Path, options: Options) -> Runtime:
        """Raise an error, because the class of the other package opens files."""
        raise NotImplementedError

    def run(self, inputs: list[Array]) -> list[Array]:
        """Run one inference and check that it returns an array for each output."""
        results = self._call("run", lambda: self._runtime.run(inputs))
        if not isinstance(results, list | tuple) or not all(isinstance(each, np.ndarray) for each in results):
            self._wrong("run", f"a {type(results).__name__}, not a list of arrays")
        if len(results) != self._outputs:
            self._wrong("run", f"{len(results)} arrays; describe names {self._outputs} outputs")
        return list(results)

    def describe(self) -> Description:
        """Return the runtime's own description."""
        description = self._call("describe", self._runtime.describe)
        if not isinstance(description, Description):
            self._wrong("describe", f"a {type(description).__name__}, not a Description")
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
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}".rstrip(": ")
            raise WorkerError(f"{self._what} failed: {name} raised {text}{_place(error)}") from error

    def _wrong(self, name: str, value: str) -> NoReturn:
        raise WorkerError(f"{self._what} failed: {name} returned {value}")


def _place(error: Exception) -> str:
    """Return the line of code that raised an exception."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
