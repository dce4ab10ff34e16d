"""The installed tasks: the built-in ones, and those of other packages.

A package provides tasks by entry points of the group ``edgecnn.tasks``: the name is the task's kind; the
object takes the settings of a description and returns a :class:`edgecnn.tasks.base.Task`. A package is
imported only when a network names one of its tasks, or a budget a metric that edgecnn does not have. A file
can only name tasks that are installed.
"""

from __future__ import annotations

from importlib import import_module
from inspect import getattr_static
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from edgecnn.core.documents.document import reason
from edgecnn.core.entry_points import OWN, TASKS, Extension, Origin, extensions
from edgecnn.core.errors import EdgecnnError, InputError, UsageError
from edgecnn.core.task import TaskDescription
from edgecnn.core.text import did_you_mean, one_line
from edgecnn.tasks.base import Task
from edgecnn.tasks.checked import checked, metrics_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Factory = Callable[[Mapping[str, Any]], Task]

BUILT_IN = {
    "classification": "edgecnn.tasks.classification.task:ClassificationTask",
    "detection": "edgecnn.tasks.detection.task:DetectionTask",
}

_MEMBERS = tuple(name for name in vars(Task) if not name.startswith("_"))


def kinds() -> tuple[str, ...]:
    """Return the kinds of all tasks that are installed, without importing any."""
    return tuple(sorted({*BUILT_IN, *(extension.name for extension in extensions(TASKS))}))


def origin_of(kind: str) -> Origin:
    """Return the package that provides a task.

    Raises:
        UsageError: No installed package provides it.
    """
    return OWN if kind in BUILT_IN else _extension(kind).origin


def problems() -> tuple[UsageError, ...]:
    """Import the tasks of all installed packages; return the problems of those that cannot be used."""
    return tuple(problem for _, problem in others() if problem is not None)


def others() -> tuple[tuple[Extension, UsageError | None], ...]:
    """Import the tasks of all other packages; return each with its problem, or None if there is none."""
    found: list[tuple[Extension, UsageError | None]] = []
    taken = set(BUILT_IN)
    for extension in extensions(TASKS):
        problem = None
        try:
            if extension.name in taken:
                raise extension.unusable("it takes a name that exists")
            taken.add(extension.name)
            extension.load(_factory)
        except UsageError as error:
            problem = error
        found.append((extension, problem))
    return tuple(found)


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
            raise InputError(f"this is not the description of a task: {reason(error)}") from error
    kind = description.kind
    if kind in BUILT_IN:
        module, _, name = BUILT_IN[kind].partition(":")
        return _made(getattr(import_module(module), name), description)
    extension = _extension(kind)
    factory = extension.load(_factory)
    try:
        task = _made(factory, description)
        problem = _lacking(task, _MEMBERS) or metrics_problem(task.metrics)
    except (EdgecnnError, KeyboardInterrupt):
        raise
    except BaseException as error:  # code of another package may raise anything
        raise extension.broken(error) from error
    if problem:
        raise extension.unusable(problem)
    return checked(task, extension)


def _extension(kind: str) -> Extension:
    for extension in extensions(TASKS):
        if extension.name == kind:
            return extension
    raise UsageError(
        f"there is no task {kind!r}; installed are {', '.join(kinds())}",
        hint=did_you_mean(kind, kinds()) or "install the package that brings it",
    )


def _factory(found: Any) -> Factory:
    """Return the factory of a task unless a problem with it is known.

    Raises:
        TypeError: It cannot be called, or it is a class that lacks methods or whose metrics cannot be used.
    """
    if not callable(found):
        raise TypeError(f"it is a {type(found).__name__}, which makes no task")
    methods = [name for name in _MEMBERS if not isinstance(getattr_static(Task, name), property)]
    lacking = _lacking(found, methods) if isinstance(found, type) else ""
    metrics = getattr_static(found, "metrics", None)
    if not lacking and isinstance(found, type) and metrics is not None and not isinstance(metrics, property):
        lacking = metrics_problem(metrics)
    if lacking:
        raise TypeError(lacking)
    factory: Factory = found
    return factory


def _lacking(task: object, members: Iterable[str]) -> str:
    missing = [name for name in members if getattr_static(task, name, None) is None]
    return f"it lacks {', '.join(missing)}" if missing else ""


def _made(factory: Factory, description: TaskDescription) -> Task:
    try:
        return factory(description.settings)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"the settings of the task {description.kind!r} cannot be used: {one_line(error)}"
        ) from error
