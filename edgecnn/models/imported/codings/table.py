"""The table of all codings: a new one is a module with a function of guesses, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.models.imported.codings.anchors import anchors
from edgecnn.models.imported.codings.distances import distances

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edgecnn.models.imported.codings.guess import Guess
    from edgecnn.models.imported.raw_maps import MapLevel
    from edgecnn.models.imported.tail import Tail

_CODINGS: tuple[Callable[[Sequence[MapLevel], Tail], Iterator[Guess]], ...] = (anchors, distances)


def guesses(levels: Sequence[MapLevel], tail: Tail) -> Iterator[Guess]:
    """Yield everything that raw maps may mean, the usual meanings first."""
    for coding in _CODINGS if levels else ():
        yield from coding(levels, tail)
