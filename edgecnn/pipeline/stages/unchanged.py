"""Files from outside the store: what a step has read must be what the plan, and with it the key, knows."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from edgecnn.core.config.paths import home
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.store.digest_cache import DigestCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgecnn.data.base import ImageSource


@contextlib.contextmanager
def unchanged(name: str, planned: str, content: Callable[[], str]) -> Iterator[None]:
    """Refuse what a block has made of files that are no longer those that the plan knows.

    The files are looked at after the block, whether it succeeds or fails: files that changed before it, or
    while it read them, are noticed. Files that were changed and put back meanwhile are not.

    Args:
        name: The user's name for the files.
        planned: Digest of their content when the plan was made.
        content: Computes that digest anew.

    Raises:
        InputError: The content is another one, or cannot be read any more.
    """
    try:
        yield
    except (EdgecnnError, OSError) as error:
        if _differs(planned, content):
            raise _changed(name) from error
        raise
    if _differs(planned, content):
        raise _changed(name)


def digest_of_images(source: ImageSource) -> str:
    """Return the digest of a source's images, labels and classes; files that did not change are not read.

    Raises:
        InputError: A file cannot be read.
    """
    home().mkdir(parents=True, exist_ok=True)
    with DigestCache(home() / "digests.sqlite") as cache:
        return source.digest(cache)


def _differs(planned: str, content: Callable[[], str]) -> bool:
    try:
        return content() != planned
    except (EdgecnnError, OSError):
        return True


def _changed(name: str) -> InputError:
    return InputError(
        f"{name} has changed since this run began",
        hint="run again: what is made of it has to be of one state of its files",
    )
