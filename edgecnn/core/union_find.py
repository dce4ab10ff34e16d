"""Disjoint groups of names that can be merged."""

from __future__ import annotations


class UnionFind:
    """Disjoint groups of names; a name that was never merged is a group of its own.

    >>> groups = UnionFind()
    >>> groups.merge("a", "b")
    >>> groups.merge("c", "b")
    >>> groups.find("a"), groups.find("b"), groups.find("d")
    ('c', 'c', 'd')
    """

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        """Return the name that represents the whole group."""
        while name in self._parent:
            name = self._parent[name]
        return name

    def merge(self, one: str, other: str) -> None:
        """Merge two groups; the result is represented by the name that represented ``one``."""
        first, second = self.find(one), self.find(other)
        if first != second:
            self._parent[second] = first
