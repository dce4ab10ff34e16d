"""Executed x86 instructions, counted by Valgrind's callgrind where it is installed."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.devices.instructions import Instructions
from edgecnn.devices.local import LocalDevice
from edgecnn.devices.session import OPEN_TIMEOUT_S, SILENCE_TIMEOUT_S
from edgecnn.errors import MissingDependency, WorkerError
from edgecnn.toolchains.program import run_program

if TYPE_CHECKING:
    from edgecnn.runtimes.base import Execution

DEVICE = "x86"
_VALGRIND = "valgrind"
_FEW, _MANY = 2, 6
# Every instruction is simulated, those of starting Python included.
_SLOWNESS = 10.0
_TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)


def count_x86(
    runtime: str, model: Path, *, log: Path, execution: Execution = "shipping", python: Path | None = None
) -> Instructions:
    """Count the instructions of one inference with one thread: what four more inferences add to a process.

    Raises:
        MissingDependency: Valgrind is not installed.
        WorkerError: The worker failed under Valgrind, which does not know every instruction.
    """
    if shutil.which(_VALGRIND) is None:
        raise MissingDependency(f"there is no program {_VALGRIND}", hint="apt-get install valgrind")
    few, many = (
        _executed(runtime, model, inferences, log, execution, python) for inferences in (_FEW, _MANY)
    )
    each = round((many - few) / (_MANY - _FEW))
    version = run_program([_VALGRIND, "--version"], what=_VALGRIND, log=log, timeout_s=30.0).strip()
    return Instructions(DEVICE, each, each, each, version)


def _executed(
    runtime: str, model: Path, inferences: int, log: Path, execution: Execution, python: Path | None
) -> int:
    """Return the instructions of a whole worker process that runs so many inferences."""
    with tempfile.TemporaryDirectory(prefix="edgecnn-callgrind-") as folder:
        out = Path(folder) / "out"
        device = LocalDevice(
            python=python,
            launcher=(_VALGRIND, "--tool=callgrind", f"--callgrind-out-file={out}"),
            variables={"PYTHONHASHSEED": "0"},
        )
        session = device.open(
            runtime, model, log=log, execution=execution, timeout_s=_SLOWNESS * OPEN_TIMEOUT_S
        )
        with session:
            session.count(inferences, timeout_s=_SLOWNESS * SILENCE_TIMEOUT_S)
            session.finish(timeout_s=_SLOWNESS * SILENCE_TIMEOUT_S)
        found = _TOTALS.search(out.read_text(encoding="ascii", errors="replace")) if out.is_file() else None
    if found is None:
        raise WorkerError(f"{_VALGRIND} left no count for {model}", hint=f"its log: {log}")
    return int(found[1])
