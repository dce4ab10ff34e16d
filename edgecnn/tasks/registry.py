"""The installed tasks: the built-in ones, and those of other packages.

A package provides tasks by entry points of the group ``edgecnn.tasks``: the name is the task's kind; the
object takes the settings of a description and returns a :class:`edgecnn.tasks.base.Task`. A package is
imported only when a network names one of its tasks, so that a broken package affects no others. A file can
only name tasks that are installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module, metadata
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.task import TaskDescription
from edgecnn.core.text import did_you_mean, one_line
from edgecnn.tasks.base import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Factory = Callable[[Mapping[str, Any]], Task]

GROUP = "edgecnn.tasks"
"""Group of the entry points."""

BUILT_IN = {
    "classification": "edgecnn.tasks.classification.task:ClassificationTask",
    "detection": "edgecnn.tasks.detection.task:DetectionTask",
}

_MEMBERS = tuple(name for name in vars(Task) if not name.startswith("_"))


@dataclass(frozen=True)
class Provider:
    """The package that provides a task.

    Attributes:
        kind: The task.
        entry: ``module:object`` that creates it.
        distribution: Name of the installed package; empty for a built-in task.
        version: Version of that package.
    """

    kind: str
    entry: str
    distribution: str = ""
    version: str = ""

    def load(self) -> Factory:
        """Import the factory of the task.

        Raises:
            UsageError: A package's module cannot be imported, or has no such object.
        """
        module, _, name = self.entry.partition(":")
        if not self.distribution:
            return cast("Factory", getattr(import_module(module), name))
        try:
            return cast("Factory", getattr(import_module(module), name))
        except Exception as error:  # code of other packages may raise anything
            raise UsageError(
                f"task {self.kind!r} of the package {self.distribution} {self.version} cannot be imported: "
                f"{one_line(error)}",
                hint=f"update or remove it: pip uninstall {self.distribution}",
            ) from error


def kinds() -> tuple[str, ...]:
    """Return the kinds of all tasks that are installed, without importing any."""
    return tuple(sorted({*BUILT_IN, *(point.name for point in metadata.entry_points(group=GROUP))}))


def provider(kind: str) -> Provider:
    """Return the provider of a task.

    Raises:
        UsageError: No package provides it, or several do.
    """
    found = [Provider(kind, BUILT_IN[kind])] if kind in BUILT_IN else []
    for point in metadata.entry_points(group=GROUP, name=kind):
        name, version = ("unknown", "") if point.dist is None else (point.dist.name, point.dist.version)
        entry = Provider(kind, point.value, name, version)
        if entry not in found:
            found.append(entry)
    if not found:
        raise UsageError(
            f"there is no task {kind!r}; installed are {', '.join(kinds())}",
            hint=did_you_mean(kind, kinds()) or "install the package that provides it",
        )
    if len(found) > 1:
        taken = f"is a task of {found[0].distribution or 'edgecnn'} already"
        raise UsageError(
            f"the package {found[1].distribution} {found[1].version} takes the name of a task that exists: "
            f"{kind!r} {taken}",
            hint=f"remove one of them: pip uninstall {found[1].distribution}",
        )
    return found[0]


def task_of(description: TaskDescription | Mapping[str, Any]) -> Task:
    """Return the task that a description names.

    Raises:
        UsageError: No installed package provides it, or the package that does is broken.
        InputError: The data is not a description, or the settings do not fit the task.
    """
    if not isinstance(description, TaskDescription):
        try:
            description = TaskDescription.model_validate(description)
        except ValidationError as error:
            raise InputError(f"this is not the description of a task: {one_line(error)}") from error
    found = provider(description.kind)
    factory = found.load()
    try:
        task = factory(description.settings)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"the settings of the task {description.kind!r} cannot be used: {one_line(error)}"
        ) from error
    missing = [name for name in _MEMBERS if getattr_static(task, name, None) is None]
    if missing:
        raise UsageError(
            f"task {found.kind!r} of the package {found.distribution} {found.version} lacks "
            f"{', '.join(missing)}",
            hint=f"update or remove it: pip uninstall {found.distribution}",
        )
    return task
