"""What every runtime can do: open a model file, run it, say what it is.

This is the worker's side. It imports the standard library and numpy only, so that it also runs inside a
vendor's own virtual environment and, later, on a device.
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
    """How a model is executed.

    Attributes:
        execution: ``shipping`` is what a product would run. ``reference`` computes what the file says with
            the runtime's plainest kernels: no fusion, no saturating shortcut.
        threads: Threads of one inference.
        extra: The runtime's own settings by their native names; values are passed on as they are.
    """

    execution: Execution = "shipping"
    threads: int = 1
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Description(PlainDocument):
    """What an open runtime says of itself and of the model; read back, not echoed.

    Attributes:
        runtime: Name in the table of runtimes.
        version: Version of the runtime's package.
        execution: ``shipping`` or ``reference``.
        threads: Threads of one inference.
        providers: What executes the operations, in the runtime's words: an execution provider, a delegate.
        inputs: Inputs of the graph.
        outputs: Outputs of the graph.
        memory_bytes: Memory that the runtime counts itself, by what it is for; empty where it counts none.
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
    """A model file, opened."""

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
        """Say what executes the model, and its inputs and outputs."""


def check_options(runtime: str, options: Options, known: Collection[str] = ()) -> None:
    """Refuse a setting that a runtime does not have.

    Args:
        runtime: Its name.
        options: How a model is to be executed.
        known: Names of the runtime's own settings.

    Raises:
        UsageError: Names the settings that it does not have.
    """
    unknown = sorted(options.extra.keys() - set(known))
    if unknown:
        raise UsageError(f"{runtime} has no option {', '.join(unknown)}")


def check_memory(error: Exception) -> None:
    """Raise MemoryError if an exception of a library, or of the dynamic loader, is one in disguise."""
    text = str(error)
    if any(mark in text for mark in _OUT_OF_MEMORY_MARKS):
        raise MemoryError(text) from error


def refused(model: Path, runtime: str, error: Exception) -> InputError:
    """Return the error that says why a runtime did not take a file.

    Raises:
        MemoryError: The runtime wrapped a failed allocation in an exception of its own.
    """
    check_memory(error)
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return InputError(
        f"{model} cannot be opened by {runtime}: {reason}",
        hint="the file may be truncated, of another format, or hold an operation this runtime lacks",
    )
