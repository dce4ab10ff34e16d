"""What a child process is doing: it tells its parent, which repeats it where the time of the work is used up.

Functions that loop over layers, images or methods call :func:`say` where they begin the next one.
:func:`edgecnn.core.process.call`, which started the process, remembers the last words. In a process that
nobody listens to, the words are dropped.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_CHARACTERS = 200
"""Longest text: a line of the pipe must be written in one piece, and a pipe takes 4,096 bytes at once."""

_MARK = ":"
"""First character of a line of words; lines of progress are ``DONE TOTAL``."""

_LISTEN_S = 10.0
"""Time for the last lines of a child that has ended; a process that it left behind may hold the pipe open."""

_pipe: int | None = None


def speak_to(pipe: int) -> None:
    """Send what this process says to a pipe from now on.

    Args:
        pipe: An open file that the parent reads; programs that this process starts do not inherit it.
    """
    global _pipe  # noqa: PLW0603  a process has one parent
    os.set_inheritable(pipe, False)
    _pipe = pipe


def say(words: str) -> None:
    """Say what begins now.

    Args:
        words: Words that follow "while it was", such as ``measuring layer body.3``.

    >>> say("measuring layer body.3")
    """
    _write(f"{_MARK}{' '.join(words.split())[:_MOST_CHARACTERS]}")


def tell_progress(done: int, total: int) -> None:
    """Say that ``done`` of ``total`` units are done."""
    _write(f"{done} {total}")


def _write(line: str) -> None:
    if _pipe is not None:
        os.write(_pipe, f"{line}\n".encode())


class Heard:
    """What a child has said of its work.

    Args:
        progress: Called with (done, total) when the child reports them.

    Attributes:
        failure: What ``progress`` raised.
    """

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self.failure: BaseException | None = None
        self._progress, self._words, self._place = progress, "", ""

    def take(self, line: str) -> None:
        """Take one line of the child."""
        if line.startswith(_MARK):
            self._words = line.removeprefix(_MARK).strip()
            return
        done, _, total = line.partition(" ")
        self._place = f"{int(done)} of {int(total)} done"
        if self._progress is not None:
            self._progress(int(done), int(total))

    def while_it_was(self) -> str:
        """Return the rest of the sentence that the child was stopped; nothing if it has said nothing."""
        if self._words:
            return f" while it was {self._words}{f' ({self._place})' if self._place else ''}"
        return f" with {self._place}" if self._place else ""


@contextlib.contextmanager
def pipe_to(heard: Heard) -> Iterator[int]:
    """Yield the end of a pipe for a child's lines, and listen at the other end."""
    reading, writing = os.pipe()

    def listen() -> None:
        # Once this end is closed, the child ends with its next line; so does a search when its time is up.
        with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
            try:
                for line in lines:
                    heard.take(line)
            except BaseException as error:  # noqa: BLE001  the caller raises it in its own thread
                heard.failure = error

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield writing
    finally:
        os.close(writing)
        listener.join(_LISTEN_S)
