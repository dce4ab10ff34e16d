"""What a computation in this process says of its work, as the parent of a child would hear it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from edgecnn.core import doing
from edgecnn.core.doing import Heard, pipe_to


@contextlib.contextmanager
def what_is_said() -> Iterator[Heard]:
    """Listen to this process while the block runs; the words are complete behind it."""
    heard = Heard(None)
    try:
        with pipe_to(heard) as pipe:
            doing.speak_to(pipe)
            yield heard
    finally:
        doing._pipe = None
