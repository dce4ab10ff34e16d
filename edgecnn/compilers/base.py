"""What every compiler for an NPU does: make a program of an integer file, and say what it expects of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.compilers.report import Estimate, Partition

TIMEOUT_S = 900.0


class Compiled(NamedTuple):
    """What is known of a compiled network.

    Attributes:
        estimate: What the compiler expects of it.
        partition: How much of it the NPU runs.
    """

    estimate: Estimate
    partition: Partition


class Compiler(Protocol):
    """A configured compiler."""

    @property
    def accelerator(self) -> str:
        """What it compiles for."""

    def compile(
        self, model: Path, out: Path, *, log: Path, scratch: Path, timeout_s: float = TIMEOUT_S
    ) -> Compiled:
        """Compile an integer file to ``out``.

        Args:
            model: The file.
            out: The compiled file to write.
            log: What the compiler prints.
            scratch: Folder for its other files; emptied before.
            timeout_s: Seconds after which it counts as hung.

        Raises:
            MissingDependency: The toolchain is not installed as pinned.
            InputError: The compiler refused the file.
            WorkerError: It crashed, hung, or said nothing about the file.
        """
