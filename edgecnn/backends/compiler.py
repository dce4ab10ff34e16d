"""The interface of a compiler for an NPU, and its results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.npu import Estimate, Partition


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


@dataclass(frozen=True)
class CompileJob:
    """The file to compile.

    Attributes:
        model: The integer file.
        out: The compiled file to write.
        opener: Opens a model in a worker, for a compiler that is part of a runtime.
        log: File for the compiler's output.
        scratch: Folder for its other files.
        timeout_s: Seconds after which it counts as hung.
    """

    model: Path
    out: Path
    opener: Opener
    log: Path
    scratch: Path
    timeout_s: float = 900.0

    def open(self, runtime: str, made: Path, *, log: Path | None = None, **settings: str) -> bool:
        """Open the model in a runtime that compiles it; return whether the file ``made`` exists then.

        Args:
            runtime: The runtime.
            made: The compiled file; deleted before.
            log: File for the runtime's output, if it differs from the job's.
            settings: The runtime's own settings.

        Raises:
            MissingDependency: The toolchain is not installed as pinned.
            InputError: The runtime refused the file.
            WorkerError: It crashed or hung.
        """
        self.scratch.mkdir(parents=True, exist_ok=True)
        made.unlink(missing_ok=True)
        handle = self.opener(
            runtime, self.model, log=log or self.log, extra=settings, timeout_s=self.timeout_s
        )
        handle.close()
        return made.is_file()


class Compiler(Protocol):
    """A configured compiler."""

    @property
    def accelerator(self) -> str:
        """The NPU, as reports name it."""

    def compile(self, job: CompileJob) -> Compiled:
        """Compile an integer file.

        Raises:
            MissingDependency: The toolchain is not installed as pinned.
            InputError: The compiler refused the file.
            WorkerError: It crashed, timed out, or reported nothing about the file.
        """
