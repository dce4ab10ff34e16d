"""The campaign against the parsers of one group, in a process that holds the libraries of this group alone.

``python -m tests.campaigns.parser_group onnx --count 1000 --seed 3`` makes it again.
"""

from __future__ import annotations

import contextlib
import random
import signal
import sys
import tempfile
import time
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.this_process import peak_memory_bytes
from edgecnn.ondevice.failure import DeviceError
from tests.campaigns.parser_inputs import CORPUS, GROUPS
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


def one_group(group: str, recorder: Recorder, count: int, seed: int) -> None:
    """Let the parsers of a group read their files of the corpus and ``count`` changed files."""
    choose = random.Random(seed)  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory(prefix="edgecnn-parsers-") as name:
        known = dict(GROUPS[group].parsers(Path(name)))
        for file in sorted(CORPUS.iterdir()):
            kind = file.name.partition("-")[0]
            if kind in known:
                with recorder.attempt(f"corpus/{file.name}"):
                    recorder.count(attempt(known[kind], file.read_bytes()))
        names = [kind for kind, parser in known.items() for _ in range(parser.share)]
        for number in range(count):
            kind = choose.choice(names)
            content = known[kind].changed(choose)
            before = peak_memory_bytes()
            with recorder.attempt(f"input {number} of seed {seed} of {group}, {kind}: {content[:60]!r}"):
                recorder.count(attempt(known[kind], content))
                grown = peak_memory_bytes() - before
                assert grown < MOST_BYTES, f"it took {grown} bytes"


if __name__ == "__main__":
    chosen = sys.argv.pop(1)
    main(f"parsers of {chosen}", partial(one_group, chosen), count=1000)
