"""How tests are shared out among processes: in units that stay together, the longest first."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

PROJECT = Path(__file__).parents[2]

LONG = (
    "tests/ui/api",
    "tests/backends/operations",
    "tests/tasks/test_contract.py",
    "tests/quantization/qat",
    "tests/ui/api/test_ladder.py",
    "tests/extensions/test_toy_backend.py",
    "tests/backends",
    "tests/ui/api/test_pruning.py",
    "tests/extensions/test_toy_task.py",
    "tests/models/test_zoo.py",
    "tests/ui/api/test_outputs.py",
    "tests/packaging/test_emulated.py",
    "tests/ui/api/test_advise.py",
    "tests/ui/api/test_detector.py",
)
"""Files and folders that are units of their own and begin first, so that no process works alone in the end.

A file that is named beside its folder uses nothing that the folder's fixtures make.
"""


def unit_of(path: str) -> str:
    """Return the unit of a file, relative to the project: itself, or a folder above it.

    What fixtures make costs more than the tests that use it, so a folder with fixtures stays together.
    """
    file = PurePosixPath(path)
    for place in (file, *file.parents):
        if str(place) in LONG or (str(place) != "tests" and (PROJECT / place / "conftest.py").is_file()):
            return str(place)
    return str(file.parent)


def rank_of(path: str) -> int:
    """Return the place of a file's unit among all: that in ``LONG``, or behind them."""
    unit = unit_of(path)
    return LONG.index(unit) if unit in LONG else len(LONG)


class LoadByUnit(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Keeps the tests of a unit in one process, and ends where a process crashed."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid.partition("::")[0])

    def _reschedule(self, node: WorkerController) -> None:
        """Hand out units until the process has work.

        xdist queues all units of a crashed process again, those that ended as well, hands out one at a time,
        and waits for a test of it: a unit without a test left would never be answered. A process begins a
        test only when it knows the next one, so that a single test is not enough either.
        """
        for unit in [unit for unit, tests in self.workqueue.items() if all(tests.values())]:
            del self.workqueue[unit]
        super()._reschedule(node)
        while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)
