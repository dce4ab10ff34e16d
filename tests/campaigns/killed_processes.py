"""Processes that a campaign kills: where they work, when they are killed, and which of them go on running."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_MARK = "EDGECNN_CAMPAIGN"
_OURS = re.compile(r'File ".*/edgecnn/(?!__init__|__main__)')
_GONE_S = 5.0
_ENDED_S = 15.0  # to end after Ctrl-C
_LONGEST_S = 600.0
# Of ten: nobody can catch the first kind, and a terminal or a service sends the others.
SIGNALS = (*(signal.SIGKILL,) * 8, signal.SIGTERM, signal.SIGINT)


def on_this_machine(seconds: float) -> float:
    """Return the wall time that a limit for an idle machine means while others use the processors too."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@dataclass(frozen=True)
class Surroundings:
    """The folders of a verb's processes.

    Attributes:
        root: Folder that holds everything, and whose path tells its processes from all others.
    """

    root: Path

    @property
    def home(self) -> Path:
        """The cache and store."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files."""
        return self.root / "tmp"

    @property
    def store(self) -> tuple[Path, ...]:
        """The folders of the store in which a step appears while it is made, and when it is finished."""
        return self.home / "store" / "partial", self.home / "store" / "stages"

    def environment(self, wheels: Path | None) -> dict[str, str]:
        """Return the variables of a process; with a folder of wheels pip has no other source."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        offline = {"UV_OFFLINE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        if wheels is not None:
            offline |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
        return {
            **os.environ,
            **offline,
            "EDGECNN_HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "SOURCE_DATE_EPOCH": "1000000000",
            _MARK: str(self.root),
        }


@dataclass(frozen=True)
class Ended:
    """The end of a process.

    Attributes:
        code: Its exit code, negative for a signal.
        said: What it printed.
        seconds: How long it ran.
        killed: Whether the campaign killed it.
    """

    code: int
    said: str
    seconds: float
    killed: bool

    @property
    def traceback(self) -> str:
        """The end of a traceback through code of ours; Python's own, while it starts, is none."""
        return self.said[-400:] if "Traceback" in self.said and _OURS.search(self.said) else ""


@dataclass(frozen=True)
class Moment:
    """A moment at which a process is killed.

    Attributes:
        number: The signal.
        delay: Time since its start, or since the first change in a watched folder, in seconds.
        watched: Folders whose first change is waited for; none for the start.
    """

    number: signal.Signals
    delay: float
    watched: tuple[Path, ...] = ()

    @classmethod
    def choose(cls, chosen: random.Random, seconds: float, watched: tuple[Path, ...]) -> Moment:
        """Choose a moment: any, or shortly after the first change of an output.

        Args:
            chosen: Chooses it.
            seconds: How long the process runs if nobody stops it.
            watched: Folders of its outputs.
        """
        number = chosen.choice(SIGNALS)
        if watched and chosen.random() < 0.5:
            return cls(number, chosen.uniform(0.0, 0.02), watched)
        return cls(number, chosen.uniform(0.0, 1.1 * seconds))

    def __str__(self) -> str:
        since = "the first change" if self.watched else "the start"
        return f"{self.number.name} {self.delay:.4f} s after {since}"


def run_verb(
    arguments: tuple[str, ...], place: Surroundings, wheels: Path | None, moment: Moment | None
) -> Ended:
    """Run a verb in a process of its own, to its end or up to a moment.

    Args:
        arguments: Arguments of the command line.
        place: Its folders.
        wheels: Folder of wheels.
        moment: When it is killed; None lets it end.
    """
    before = _states(moment.watched if moment else ())
    started = time.monotonic()
    with tempfile.TemporaryFile() as sink:  # not in the verb's folders, whose disk may be full
        process = subprocess.Popen(
            [sys.executable, "-m", "edgecnn", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd=place.root,
            env=place.environment(wheels),
        )
        try:
            if moment is not None:
                _wait_for(moment, process, before)
                process.send_signal(moment.number)  # does nothing if it has ended
            killed = moment is not None and process.returncode is None
            code = process.wait(on_this_machine(_ENDED_S if killed else _LONGEST_S))
        finally:
            process.kill()
            process.wait()
        sink.seek(0)
        said = sink.read().decode(errors="replace")
    return Ended(code, said, time.monotonic() - started, killed)


def _wait_for(moment: Moment, process: subprocess.Popen[bytes], before: list[object]) -> None:
    deadline = time.monotonic() + on_this_machine(_LONGEST_S)
    while moment.watched and process.poll() is None and time.monotonic() < deadline:
        if _states(moment.watched) != before:
            break
        time.sleep(0.001)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment.delay)


def _states(folders: tuple[Path, ...]) -> list[object]:
    """Return what changes when something is written, renamed or removed in folders."""
    found: list[object] = []
    for folder in folders:
        with contextlib.suppress(OSError):
            found.append((folder, folder.stat().st_mtime_ns, sorted(folder.iterdir())))
    return found


def wait_until_alone(place: Surroundings) -> float:
    """Wait until no process of a place is left, and return how long that took in seconds.

    Raises:
        AssertionError: Some are left after five seconds of an idle machine; they are killed.
    """
    started = time.monotonic()
    while left := _processes_of(place.root):
        if time.monotonic() - started > on_this_machine(_GONE_S):
            for number in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            raise AssertionError(f"processes outlived their parent: {list(left.values())}")
        time.sleep(0.02)
    return time.monotonic() - started


def _processes_of(root: Path) -> dict[int, str]:
    """Return every process whose variables, arguments or working directory name a folder."""
    mark = str(root).encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            arguments = (folder / "cmdline").read_bytes()
            place = os.fsencode((folder / "cwd").readlink())
            if any(mark in text for text in ((folder / "environ").read_bytes(), arguments, place)):
                found[int(folder.name)] = arguments.replace(b"\0", b" ").decode(errors="replace")[:200]
    return found
