"""Counts of executed x86 instructions by Valgrind's callgrind."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.documents.listing import Instructions
from edgecnn.core.errors import MissingDependency, WorkerError
from edgecnn.core.kept_log import temporary_folder
from edgecnn.core.toolchains.program import run_program
from edgecnn.devices.local import LocalDevice
from edgecnn.devices.session import OPEN_TIMEOUT_S, SILENCE_TIMEOUT_S

if TYPE_CHECKING:
    from edgecnn.backends.worker.runtime import Execution

DEVICE = "x86"
_VALGRIND = "valgrind"
_INFERENCES = 3
_MARK = "getppid"
# Every instruction is simulated, including those that start Python.
_SLOWNESS = 10.0
_TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)


def count_x86(
    runtime: str, model: Path, *, log: Path, execution: Execution = "shipping", python: Path | None = None
) -> Instructions:
    """Count the instructions of one inference with one thread.

    Callgrind writes and resets its counters at each mark of the worker, which is a system call.

    Raises:
        MissingDependency: Valgrind is not installed.
        WorkerError: The worker failed under Valgrind, which does not support every instruction.
    """
    if shutil.which(_VALGRIND) is None:
        raise MissingDependency(f"there is no program {_VALGRIND}", hint="apt-get install valgrind")
    with temporary_folder("callgrind") as folder:
        out = folder / "out"
        device = LocalDevice(
            python=python,
            launcher=(
                _VALGRIND,
                "--tool=callgrind",
                f"--callgrind-out-file={out}",
                f"--dump-before={_MARK}",
            ),
            variables={"PYTHONHASHSEED": "0"},
        )
        with device.open(
            runtime, model, log=log, execution=execution, timeout_s=_SLOWNESS * OPEN_TIMEOUT_S
        ) as session:
            session.count(_INFERENCES, timeout_s=_SLOWNESS * SILENCE_TIMEOUT_S)
        # The first dump is for everything before the first mark, the others for one inference each.
        each = [_total(Path(f"{out}.{number}"), log) for number in range(2, _INFERENCES + 2)]
    version = run_program([_VALGRIND, "--version"], what=_VALGRIND, log=log, timeout_s=30.0).strip()
    return Instructions.of(DEVICE, each, version)


def _total(dump: Path, log: Path) -> int:
    """Return the number of instructions in a dump of callgrind."""
    found = _TOTALS.search(dump.read_text(encoding="utf-8", errors="replace")) if dump.is_file() else None
    if found is None:
        raise WorkerError(f"{_VALGRIND} left no count in {dump.name}", hint=f"its log: {log}")
    return int(found[1])
