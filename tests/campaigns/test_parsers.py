"""Campaign against every parser: any file ends in data or in one line, soon and in little memory."""

from __future__ import annotations

import contextlib
import random
import signal
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.this_process import peak_memory_bytes
from edgecnn.ondevice.failure import DeviceError
from tests.campaigns.parser_inputs import CORPUS, parsers
from tests.campaigns.report import Recorder, main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.campaigns.parser import Parser

MOST_SECONDS = 10
MOST_BYTES = 1 << 30
_MOST_CHARACTERS = 2000


class _Late(BaseException):
    """An attempt takes too long; no handler of exceptions catches it."""


def attempt(parser: Parser, content: bytes) -> str:
    """Let a parser read some content; return what came of it.

    Raises:
        AssertionError: The parser ended in anything but data or one line, or took too long.
    """
    parser.file.write_bytes(content)
    started = time.monotonic()
    try:
        with _at_most(3 * MOST_SECONDS):
            parser.read()
    except (EdgecnnError, DeviceError) as error:
        came, message = "refused", str(error)
    except _Late:
        raise AssertionError(f"it was not read in {3 * MOST_SECONDS} s") from None
    except Exception as error:
        frames = [item for item in traceback.extract_tb(error.__traceback__) if "/edgecnn/" in item.filename]
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
        raise AssertionError(f"{type(error).__name__} at {place}: {str(error)[:100]}") from error
    else:
        came, message = "accepted", ""
    longest = max(map(len, message.splitlines()), default=0)
    assert longest < _MOST_CHARACTERS, f"a line of the message has {longest} characters"
    seconds = time.monotonic() - started
    assert seconds < MOST_SECONDS, f"it took {seconds:.1f} s"
    return came


@contextlib.contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def end(*_: object) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def parser_inputs(recorder: Recorder, count: int, seed: int) -> None:
    """Let every parser read the corpus and ``count`` changed files."""
    choose = random.Random(seed)  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory(prefix="edgecnn-parsers-") as name:
        known = parsers(Path(name))
        for file in sorted(CORPUS.iterdir()):
            with recorder.attempt(f"corpus/{file.name}"):
                recorder.count(attempt(known[file.name.partition("-")[0]], file.read_bytes()))
        names = [kind for kind, parser in known.items() for _ in range(parser.share)]
        for number in range(count):
            kind = choose.choice(names)
            content = known[kind].changed(choose)
            before = peak_memory_bytes()
            with recorder.attempt(f"input {number} of seed {seed}, {kind}: {content[:60]!r}"):
                recorder.count(attempt(known[kind], content))
                grown = peak_memory_bytes() - before
                assert grown < MOST_BYTES, f"it took {grown} bytes"


@pytest.mark.slow
def test_changed_files_end_in_data_or_one_line() -> None:
    recorder = Recorder("parsers")
    parser_inputs(recorder, 3000, seed=0)
    recorder.result().check()


if __name__ == "__main__":
    main("parsers", parser_inputs, count=100_000)
