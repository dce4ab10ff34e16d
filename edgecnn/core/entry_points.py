"""Tasks and backends of installed packages, found by their entry points and imported on use.

An extension that cannot be used affects only its own users, who get one line that names the package. A name
belongs to edgecnn, or otherwise to the first package, by name, that provides it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from edgecnn.core.errors import UsageError
from edgecnn.core.foreign_code import end_of

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
    """The installed package that provides an extension.

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
        """Return the package as a list, because its version belongs in the key of results of its code."""
        return (self.distribution,) if self.distribution else ()


OWN = Origin()
"""The origin of edgecnn's own code."""


@dataclass(frozen=True)
class Extension:
    """An extension that a package provides under one name.

    Attributes:
        kind: ``task`` or ``backend``, for messages.
        origin: The package.
        point: Its entry point.
    """

    kind: str
    origin: Origin
    point: EntryPoint

    @property
    def name(self) -> str:
        """Return the name of the entry point."""
        return self.point.name

    def load(self, check: Callable[[Any], T]) -> T:
        """Import the object and return the result of ``check`` on it.

        Raises:
            UsageError: It cannot be imported, or ``check`` raised an exception.
        """
        try:
            return check(self.point.load())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # code of another package may raise anything
            raise self.broken(error) from error

    def broken(self, error: BaseException) -> UsageError:
        """Return the error for an extension whose code raised an exception, or tried to end the program."""
        return self.unusable(end_of(error))

    def unusable(self, reason: str) -> UsageError:
        """Return the error for an extension that cannot be used."""
        return UsageError(
            f"{self.kind} {self.name!r} of {self.origin} cannot be used: {reason}",
            hint=f"update or remove it: pip uninstall {self.origin.distribution}",
        )


def extensions(group: str) -> list[Extension]:
    """Return the extensions of installed packages, in the packages' order by name, without importing them."""
    from importlib.metadata import entry_points

    kind = group.rpartition(".")[2].removesuffix("s")
    found = [Extension(kind, _origin(point), point) for point in entry_points(group=group)]
    return sorted(found, key=lambda extension: (str(extension.origin), extension.name))


def _origin(point: EntryPoint) -> Origin:
    return Origin("unknown") if point.dist is None else Origin(point.dist.name, point.dist.version)
