"""A limit on the time of a computation in Python that may never end."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class TookTooLong(Exception):
    """The time of a computation is used up."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt the block after some time, in the main thread of a process; elsewhere there is no limit.

    Args:
        seconds: Wall time after which the block is interrupted.

    Raises:
        TookTooLong: The time is used up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    running = True

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        if running:
            raise TookTooLong

    before = signal.getsignal(signal.SIGALRM)
    try:
        try:
            signal.signal(signal.SIGALRM, interrupt)
            # Repeated, because a library may swallow the first interruption.
            signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
            yield
        finally:
            running = False
    finally:  # also where the time ends between any two of these lines
        running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
