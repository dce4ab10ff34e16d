"""Campaigns: many attempts to make the product lose, believe or run something wrong, and what came of them.

A campaign is a module ``tests/campaigns/test_NAME.py`` with a function that takes a :class:`Recorder` and the
number of attempts. Its small form is a test with the marker ``slow``; its full form is the module's ``main``,
which ``make campaigns`` runs as ``python -m tests.campaigns.test_NAME``::

    def bit_flips(recorder: Recorder, count: int, seed: int) -> None:
        for number in range(count):
            with recorder.attempt(f"flip {number} of seed {seed}"):
                assert ..., "what went wrong"

    @pytest.mark.slow
    def test_bit_flips() -> None:
        recorder = Recorder("bit flips")
        bit_flips(recorder, 40, seed=0)
        recorder.result().check()

    if __name__ == "__main__":
        main("bit flips", bit_flips, count=500)
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import Field
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecnn.core.documents.document import Document
from edgecnn.core.json_file import read_json
from edgecnn.core.this_process import peak_memory_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "campaigns"
_SHOWN_FAILURES = 20
_WORDS = 500


class CampaignFailure(Document):
    """An attempt that succeeded in doing harm."""

    what: str
    """What went wrong, in one line."""

    reproduction: str
    """What has to be done to see it again: a seed and a number, a file and a byte."""


class CampaignResult(Document):
    """The result of a campaign."""

    name: str
    tried: int
    """Number of attempts."""

    failed: int
    """Number of attempts that did harm."""

    worst_seconds: float
    """Wall time of the longest attempt."""

    peak_bytes: int
    """Largest resident memory of this process or of a child that has ended."""

    counts: dict[str, int]
    """Number of attempts by what came of them, in the campaign's own words."""

    failures: list[CampaignFailure]

    seeds: list[int] = Field(default_factory=list)
    """Seeds that chose the attempts; several if the campaign was run in parts."""

    seconds: float = 0.0
    """Wall time of the whole campaign; 0 in files that do not say it."""

    cpu_seconds: float = 0.0
    """CPU time of its processes, which other work on the machine does not change."""

    def plus(self, other: CampaignResult) -> CampaignResult:
        """Return the result of this part of a campaign and another one together."""
        return CampaignResult(
            name=self.name,
            tried=self.tried + other.tried,
            failed=self.failed + other.failed,
            worst_seconds=max(self.worst_seconds, other.worst_seconds),
            peak_bytes=max(self.peak_bytes, other.peak_bytes),
            counts=dict(Counter(self.counts) + Counter(other.counts)),
            failures=[*self.failures, *other.failures],
            seeds=[*self.seeds, *other.seeds],
            seconds=self.seconds + other.seconds,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
        )

    def check(self) -> None:
        """Raise an assertion error that lists the failures, if there are any or nothing was tried."""
        assert self.tried > 0, f"{self.name} tried nothing"
        lines = [f"{failure.what}; again: {failure.reproduction}" for failure in self.failures]
        assert not lines, f"{self.failed} of {self.tried} attempts failed:\n" + "\n".join(lines)

    def print(self) -> None:
        """Print the result as a table, and the first failures below it."""
        table = Table("tried", "failed", "worst s", "peak MB", *self.counts, title=self.name)
        figures = (self.tried, self.failed, round(self.worst_seconds, 2), self.peak_bytes >> 20)
        table.add_row(*(str(value) for value in (*figures, *self.counts.values())))
        console = Console(width=200)
        console.print(table)
        for failure in self.failures[:_SHOWN_FAILURES]:
            console.print(escape(f"{failure.what}; again: {failure.reproduction}"))

    def write(self, file: Path) -> None:
        """Write the result as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


class Recorder:
    """Collects what comes of a campaign's attempts.

    Args:
        name: Name of the campaign.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._started = time.monotonic()
        self._tried = 0
        self._worst = 0.0
        self._counts: Counter[str] = Counter()
        self._failures: list[CampaignFailure] = []
        self._parts: list[CampaignResult] = []

    @contextlib.contextmanager
    def attempt(self, reproduction: str) -> Iterator[None]:
        """Time one attempt; any exception in the block is a failure, after which the campaign goes on.

        Args:
            reproduction: What has to be done to see this attempt again.
        """
        started = time.monotonic()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the campaign looks for
            self.failure(f"{type(error).__name__}: {error}", reproduction)
        self._tried += 1  # not reached by Ctrl-C, which breaks an attempt off
        self._worst = max(self._worst, time.monotonic() - started)

    def failure(self, what: str, reproduction: str) -> None:
        """Record a failure of the present attempt, and report it at once: a campaign may take an hour."""
        line = " ".join(what.split())[:_WORDS]
        sys.stderr.write(f"{line}; again: {reproduction}\n")
        self._failures.append(CampaignFailure(what=line, reproduction=reproduction))

    def count(self, what: str, number: int = 1) -> None:
        """Count what came of an attempt, such as ``refused`` or ``made again``."""
        self._counts[what] += number

    def part(self, module: str, *arguments: str) -> None:
        """Make attempts in a process of their own, whose memory and libraries are those of this part alone.

        Args:
            module: A module whose ``main`` is :func:`main`.
            arguments: Its arguments.

        Raises:
            AssertionError: The process ended without a result.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "part.json"
            command = [sys.executable, "-m", module, *arguments, "--json", str(file)]
            ended = subprocess.run(command, check=False)
            assert file.exists(), f"{command} ended with exit code {ended.returncode} and no result"
            self._parts.append(CampaignResult.from_json(read_json(file)))

    def result(self) -> CampaignResult:
        """Return the result so far, with that of its parts."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = CampaignResult(
            name=self.name,
            tried=self._tried,
            failed=len(self._failures),
            worst_seconds=round(self._worst, 3),
            peak_bytes=max(peak_memory_bytes(), children.ru_maxrss * 1024),
            counts=dict(self._counts),
            failures=self._failures,
        )
        times = {
            "seconds": round(time.monotonic() - self._started, 1),
            "cpu_seconds": round(time.process_time() + children.ru_utime + children.ru_stime, 1),
        }
        return functools.reduce(CampaignResult.plus, self._parts, own).model_copy(update=times)


class Campaign(Protocol):
    """A campaign: a function that makes ``count`` attempts."""

    def __call__(self, recorder: Recorder, count: int, seed: int) -> None:
        """Make the attempts, which ``seed`` chooses, and tell the recorder what came of them."""


def summary() -> None:
    """Print what came of every campaign that was run in its full form."""
    table = Table("campaign", "tried", "failed", "worst s", "peak MB", "min", "CPU min")
    for file in sorted(RESULTS.glob("*.json")):
        result = CampaignResult.from_json(read_json(file))
        figures = (result.tried, result.failed, round(result.worst_seconds, 2), result.peak_bytes >> 20)
        times = (round(seconds / 60, 1) or "" for seconds in (result.seconds, result.cpu_seconds))
        table.add_row(result.name, *map(str, (*figures, *times)))
    Console(width=100).print(table)


def main(name: str, campaign: Campaign, *, count: int) -> None:
    """Run a campaign's full form from the command line, print its result and write it as JSON.

    The process ends with exit code 1 if an attempt failed. Ctrl-C ends the campaign early, with its result.
    With ``--add`` the result is added to that in the file, so that a campaign can be run in parts, each with
    a seed of its own.

    Args:
        name: Name of the campaign; the file is named after it.
        campaign: The campaign.
        count: Number of attempts when ``--count`` is not given.
    """
    parser = argparse.ArgumentParser(description=f"Run the campaign {name!r}.")
    parser.add_argument("--count", type=int, default=count, help="number of attempts")
    parser.add_argument("--seed", type=int, default=0, help="chooses the attempts")
    parser.add_argument("--json", type=Path, default=RESULTS / f"{name.replace(' ', '-')}.json")
    parser.add_argument("--add", action="store_true", help="add the result to that in the file")
    arguments = parser.parse_args()
    recorder = Recorder(name)
    with contextlib.suppress(KeyboardInterrupt):
        campaign(recorder, arguments.count, arguments.seed)
    result = recorder.result().model_copy(update={"seeds": [arguments.seed]})
    result.print()
    if arguments.add and arguments.json.exists():
        result = CampaignResult.from_json(read_json(arguments.json)).plus(result)
    result.write(arguments.json)
    sys.exit(1 if result.failed else 0)


if __name__ == "__main__":
    summary()
