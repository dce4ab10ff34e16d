"""Tasks and backends of installed packages: found by their entry points, imported on use.

What a package brings and cannot be used disturbs nothing but its own use: whoever names it gets one line that
names the package. A name belongs to edgecnn, or else to the first package by name that brings it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from edgecnn.core.errors import UsageError
from edgecnn.core.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

TASKS = "edgecnn.tasks"
"""Group of the entry points of tasks."""

BACKENDS = "edgecnn.backends"
"""Group of the entry points of backends."""

T = TypeVar("T")


@dataclass(frozen=True)
class Origin:
    """The installed package that brings something.

    Attributes:
        distribution: Its name; empty for edgecnn itself.
        version: Its version.
    """

    distribution: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}" if self.distribution else "edgecnn"

    @property
    def distributions(self) -> tuple[str, ...]:
        """The package as a list: its version belongs in the key of what its code makes."""
        return (self.distribution,) if self.distribution else ()


OWN = Origin()
"""Of what edgecnn itself brings."""


@dataclass(frozen=True)
class Extension:
    """What a package brings under one name.

    Attributes:
        kind: What it is, for messages: ``task`` or ``backend``.
        origin: The package.
        point: Its entry point.
    """

    kind: str
    origin: Origin
    point: EntryPoint

    @property
    def name(self) -> str:
        """Name of the entry point."""
        return self.point.name

    def load(self, check: Callable[[Any], T]) -> T:
        """Import it and return what ``check`` makes of it.

        Raises:
            UsageError: It cannot be imported, or ``check`` raised anything.
        """
        try:
            return check(self.point.load())
        except Exception as error:  # the code of another package may raise anything
            raise self.unusable(one_line(error)) from error

    def unusable(self, reason: str) -> UsageError:
        """Return the error that says why it cannot be used."""
        return UsageError(
            f"{self.kind} {self.name!r} of {self.origin} cannot be used: {reason}",
            hint=f"update or remove it: pip uninstall {self.origin.distribution}",
        )


def extensions(group: str) -> list[Extension]:
    """Return what installed packages bring, in the order of the packages' names; nothing is imported."""
    from importlib.metadata import entry_points

    kind = group.rpartition(".")[2].removesuffix("s")
    found = [Extension(kind, _origin(point), point) for point in entry_points(group=group)]
    return sorted(found, key=lambda extension: (str(extension.origin), extension.name))


def _origin(point: EntryPoint) -> Origin:
    return Origin("unknown") if point.dist is None else Origin(point.dist.name, point.dist.version)
