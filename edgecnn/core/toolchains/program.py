"""Execution of a toolchain's program with a time limit, a log, and an explanation of crashes."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from edgecnn.core.child import run
from edgecnn.core.errors import WorkerError
from edgecnn.core.process import describe_death, quiet_environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def run_program(
    command: Sequence[str], *, what: str, log: Path, timeout_s: float, folder: Path | None = None
) -> str:
    """Run a vendor's program and return its output.

    Args:
        command: Program and arguments.
        what: Name of the program in messages.
        log: File to which its output is appended.
        timeout_s: Time limit in seconds.
        folder: Working directory.

    Raises:
        WorkerError: It crashed, timed out, ran out of memory or failed; the message has its last output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        start = sink.tell()
        try:
            code = run(
                command,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, **quiet_environment()},
                cwd=folder,
                timeout=timeout_s,
            ).returncode
        except subprocess.TimeoutExpired:
            raise WorkerError(
                f"{what} did not finish in {timeout_s:g} s and was stopped", hint=f"its log: {log}"
            ) from None
    if code != 0:
        raise WorkerError(describe_death(what, code, log, start), hint=f"its log: {log}")
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")
