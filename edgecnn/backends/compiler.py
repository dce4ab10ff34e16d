"""What every compiler for an NPU does: make a program of an integer file, and say what it expects of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.npu import Estimate, Partition

TIMEOUT_S = 900.0


class Compiled(NamedTuple):
    """What is known of a compiled network.

    Attributes:
        estimate: What the compiler expects of it.
        partition: How much of it the NPU runs.
    """

    estimate: Estimate
    partition: Partition


class ModelHandle(Protocol):
    """An open model; closing it ends its worker."""

    def close(self) -> None:
        """End the worker."""


class Opener(Protocol):
    """Opens a model in a worker process, as :meth:`edgecnn.devices.local.LocalDevice.open` does.

    Some compilers are a function of their runtime. Devices stand above backends, so the caller hands one in.
    """

    def __call__(
        self, runtime: str, model: Path, *, log: Path, extra: dict[str, str], timeout_s: float
    ) -> ModelHandle:
        """Open a model with the runtime's own settings ``extra``."""


class Compiler(Protocol):
    """A configured compiler."""

    @property
    def accelerator(self) -> str:
        """What it compiles for."""

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
            model: The file.
            out: The compiled file to write.
            opener: Opens a model in a worker, for a compiler that is part of a runtime.
            log: What the compiler prints.
            scratch: Folder for its other files; emptied before.
            timeout_s: Seconds after which it counts as hung.

        Raises:
            MissingDependency: The toolchain is not installed as pinned.
            InputError: The compiler refused the file.
            WorkerError: It crashed, hung, or said nothing about the file.
        """
