"""The interface of a compiler for an NPU, and its results."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.npu import Estimate, Partition

TIMEOUT_S = 900.0


class Compiled(NamedTuple):
    """A compiled network.

    Attributes:
        estimate: The compiler's estimate of its cost.
        partition: The parts of it that the NPU runs.
    """

    estimate: Estimate
    partition: Partition


class ModelHandle(Protocol):
    """An open model in a worker; closing it ends the worker."""

    def close(self) -> None:
        """End the worker."""


class Opener(Protocol):
    """Function that opens a model in a worker, like :meth:`edgecnn.devices.local.LocalDevice.open`.

    Some compilers are a part of their runtime. Backends may not import devices, so the caller passes the
    function.
    """

    def __call__(
        self, runtime: str, model: Path, *, log: Path, extra: dict[str, str], timeout_s: float
    ) -> ModelHandle:
        """Open a model with the runtime's own settings ``extra``."""


class Compiler(Protocol):
    """A configured compiler."""

    @property
    def accelerator(self) -> str:
        """Return the name of the NPU that it compiles for."""

    def compile(
        self,
        model: Path,
        out: Path,
        opener: Opener,
        *,
        log: Path,
        scratch: Path,
        timeout_s: float = TIMEOUT_S,
    ) -> Compiled:
        """Compile an integer file to ``out``.

        Args:
            model: Path of the file.
            out: Path of the compiled file to write.
            opener: Opens a model in a worker, for a compiler that is part of a runtime.
            log: File for the compiler's output.
            scratch: Folder for its other files, which is emptied first.
            timeout_s: Time limit in seconds.

        Raises:
            MissingDependency: The toolchain is not installed as pinned.
            InputError: The compiler refused the file.
            WorkerError: It crashed, timed out, or reported nothing about the file.
        """
