"""The interface of a runtime: open a model file, run it, describe it.

This is the worker's side. It imports only the standard library and numpy, so that it also runs inside a
vendor's virtual environment and on a device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from edgecnn.core.errors import InputError, UsageError
from edgecnn.ondevice.documents import PlainDocument
from edgecnn.ondevice.tensor import Array, TensorInfo

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

Execution = Literal["shipping", "reference"]

_OUT_OF_MEMORY_MARKS = (
    "bad_alloc",
    "bad allocation",
    "Failed to allocate memory",
    "failed to map segment",
    "Cannot allocate memory",
)


@dataclass(frozen=True)
class Options:
    """Settings of an execution.

    Attributes:
        execution: ``shipping`` is the execution of a product. ``reference`` computes what the file specifies
            with
        the runtime's plainest kernels, without fusion or saturation.
        threads: Threads of one inference.
        extra: The runtime's own settings by their native names; values are passed unchanged.
    """

    execution: Execution = "shipping"
    threads: int = 1
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Description(PlainDocument):
    """Description of an open runtime and its model; read back from them, not copied from the request.

    Attributes:
        runtime: Name of the runtime.
        version: Version of the runtime's package.
        execution: ``shipping`` or ``reference``.
        threads: Threads of one inference.
        providers: Executors of the operations by the runtime's names: an execution provider, a delegate.
        inputs: Inputs of the graph.
        outputs: Outputs of the graph.
        memory_bytes: Memory that the runtime counts, by purpose; empty if it counts none.
    """

    runtime: str
    version: str
    execution: Execution
    threads: int
    providers: tuple[str, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    memory_bytes: dict[str, int] = field(default_factory=dict)


class Runtime(ABC):
    """An open model file."""

    @classmethod
    @abstractmethod
    def open(cls, model: Path, options: Options) -> Runtime:
        """Load ``model``.

        Raises:
            InputError: The file is not a model this runtime can run.
            UsageError: An option is unknown to the runtime.
            ImportError: The runtime's package is not installed.
            MemoryError: There was not enough memory.
        """

    @abstractmethod
    def run(self, inputs: list[Array]) -> list[Array]:
        """Run one inference on arrays in the graph's own types and layouts.

        The outputs may be views of the runtime's memory, valid until the next call.
        """

    @abstractmethod
    def describe(self) -> Description:
        """Describe the executor of the model, and its inputs and outputs."""


def check_options(runtime: str, options: Options, known: Collection[str] = ()) -> None:
    """Refuse a setting that a runtime does not have.

    Args:
        runtime: Its name.
        options: The requested options.
        known: Names of the runtime's own settings.

    Raises:
        UsageError: The message names the unknown settings.
    """
    unknown = sorted(options.extra.keys() - set(known))
    if unknown:
        raise UsageError(f"{runtime} has no option {', '.join(unknown)}")


def check_memory(error: Exception) -> None:
    """Raise MemoryError if an exception of a library or of the dynamic loader hides one."""
    text = str(error)
    if any(mark in text for mark in _OUT_OF_MEMORY_MARKS):
        raise MemoryError(text) from error


def refused(model: Path, runtime: str, error: Exception) -> InputError:
    """Return the error for a file that a runtime cannot open.

    Raises:
        MemoryError: The runtime's exception hides a failed allocation.
    """
    check_memory(error)
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return InputError(
        f"{model} cannot be opened by {runtime}: {reason}",
        hint="the file may be truncated, of another format, or hold an operation this runtime lacks",
    )
