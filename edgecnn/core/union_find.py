"""Groups that grow together as it turns out which things belong to one another."""

from __future__ import annotations


class UnionFind:
    """Disjoint groups of names; a name that nobody has merged is a group of its own.

    >>> groups = UnionFind()
    >>> groups.merge("a", "b")
    >>> groups.merge("c", "b")
    >>> groups.find("a"), groups.find("b"), groups.find("d")
    ('c', 'c', 'd')
    """

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        """Return the name that stands for the whole group."""
        while name in self._parent:
            name = self._parent[name]
        return name

    def merge(self, one: str, other: str) -> None:
        """Make one group of two; what stood for the group of ``one`` stands for both."""
        first, second = self.find(one), self.find(other)
        if first != second:
            self._parent[second] = first
