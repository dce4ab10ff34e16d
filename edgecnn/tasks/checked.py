"""Checks of everything that a task of another package returns, made where it is returned.

A task that raises an exception or returns something else than :mod:`edgecnn.tasks.base` says is refused in
one line that names the package and the method.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, cast

from edgecnn.core.documents.accuracy import Answers, TaskMetrics
from edgecnn.core.documents.link import Link
from edgecnn.core.documents.measured import INTERVAL
from edgecnn.core.documents.metric import Metric, taken_by
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.foreign_code import described
from edgecnn.proof.accuracy.paired import AccuracyTest
from edgecnn.proof.links.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from edgecnn.core.entry_points import Extension
    from edgecnn.tasks.base import Outputs, Task

    Check = Callable[[Any], str]
    """Returns what is wrong with a returned value; empty if nothing is."""

_ABSENT = object()
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_OF_LINK_4 = ("drop", "drop_low", "drop_high", "agreement")
_RESERVED = {*_OF_LINK_4, INTERVAL, "images", *TaskMetrics.model_fields}
_TRAINING = ("train_set", "metric", "identity", "method", "taught", "begin", "batch", "evaluate")


def metrics_problem(metrics: object) -> str:
    """Return what is wrong with the metrics of a task; empty if nothing is."""
    if not isinstance(metrics, tuple) or not metrics or not all(isinstance(each, Metric) for each in metrics):
        return "its metrics are no tuple of one or more edgecnn.core.documents.metric.Metric"
    names = [metric.name for metric in metrics]
    for metric in metrics:
        name = metric.name
        if not _NAME.fullmatch(name) or name in _RESERVED or name.startswith("fp32_"):
            return f"its metric cannot be called {name!r}"
        if names.count(name) > 1 or name.removesuffix("_drop") in set(names) - {name}:
            return f"two of its metrics give the name {name!r}"
        other = taken_by(metric)
        if other:
            return f"its metric {name!r} takes a name that {other} has"
    return ""


def checked(task: Task, extension: Extension) -> Task:
    """Return a task of another package whose methods check what they return."""
    names = tuple(metric.name for metric in task.metrics)

    def labelled(found: Any) -> str:
        if getattr(found, "metric", None) != names[0]:
            return f"its metric is {getattr(found, 'metric', None)!r}, that of the task is {names[0]!r}"
        return _lacking(found, _CHECKS_OF_SETS)

    checks = {
        **_CHECKS_OF_TASKS,
        "labelled": labelled,
        "training": lambda found: _lacking(found, _TRAINING),
    }
    return cast("Task", _Checked(task, extension, checks, _LabelledGuard(task.metrics)))


class _Checked:
    """An object of another package; it has the attributes of that object, with checked methods.

    Attributes:
        checked_object: The object itself.
    """

    def __init__(
        self,
        checked_object: Any,
        extension: Extension,
        checks: Mapping[str, Check],
        labelled: _LabelledGuard | None = None,
    ) -> None:
        self.checked_object = checked_object
        self._extension, self._checks, self._labelled = extension, checks, labelled

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "checked_object":  # copy and pickle ask before it is set
            raise AttributeError(name)
        with self._guard(name):
            value = self._value(name)
        if value is _ABSENT:
            raise AttributeError(f"{type(self.checked_object).__name__} has no attribute {name!r}")
        if callable(value):
            return self._method(name, value)
        if name in _ATTRIBUTES:
            self._check(name, value, _ATTRIBUTES[name])
        return value

    def _value(self, name: str) -> Any:
        """Return an attribute, or a mark if there is none: a property may raise AttributeError itself."""
        try:
            return getattr(self.checked_object, name)
        except AttributeError:
            if getattr_static(self.checked_object, name, _ABSENT) is _ABSENT:
                return _ABSENT
            raise

    @contextlib.contextmanager
    def _guard(self, name: str) -> Iterator[None]:
        """Name the package and the method in an error of its code."""
        try:
            yield
        except (EdgecnnError, MemoryError, KeyboardInterrupt):
            raise
        except BaseException as error:  # code of another package may raise anything
            raise self._extension.unusable(
                f"{name} raised {described(error, type(self.checked_object))}"
            ) from error

    def _check(self, name: str, value: Any, check: Check) -> None:
        with self._guard(name):  # a check reads attributes of what it is given
            problem = check(value)
        if problem:
            raise self._extension.unusable(f"{name} returned a wrong value: {problem}")

    def _method(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            with self._guard(name):
                result = method(*arguments, **named)
            if name in self._checks:
                self._check(name, result, self._checks[name])
            if name == "labelled" and self._labelled is not None:
                return self._labelled.around(result, self._extension)
            if name == "training":
                return _Checked(result, self._extension, _CHECKS_OF_TRAININGS)
            return result

        return call


class _LabelledGuard:
    """The checks of labelled sets that need the task's metrics."""

    def __init__(self, metrics: tuple[Metric, ...]) -> None:
        self._names = tuple(metric.name for metric in metrics)
        self._budgets = tuple(metric.name for metric in metrics[1:] if metric.budget)

    def around(self, labelled: Any, extension: Extension) -> _Checked:
        """Return a labelled set whose methods check what they return."""
        own: Mapping[str, Check] = {"values": self._values, "verify": self._link, "warning": _of_type(str)}
        guarded = _Checked(labelled, extension, {**_CHECKS_OF_SETS, **own})

        def budget_values(shipped: Outputs) -> dict[str, float]:
            values: dict[str, float] = guarded._method("budget_values", labelled.budget_values)(shipped)
            link: Link = guarded._method("verify", labelled.verify)(shipped, shipped, Limits.of("fp32"))
            problem = self._apart(values, link)
            if problem:
                raise extension.unusable(f"budget_values returned a wrong value: {problem}")
            return values

        # An attribute of the object is found before __getattr__ is asked.
        vars(guarded)["budget_values"] = budget_values
        return guarded

    def _values(self, found: Any) -> str:
        if problem := _numbers(found):
            return problem
        unknown = [name for name in found if name not in self._names]
        if unknown:
            return f"{unknown[0]!r} is no metric of the task, which declares {', '.join(self._names)}"
        return "" if self._names[0] in found else f"it has no {self._names[0]!r}"

    def _link(self, found: Any) -> str:
        if not isinstance(found, Link):
            return f"it is a {type(found).__name__}, not a Link"
        if found.number != 4:
            return f"its number is {found.number}, not 4"
        wanted = (*_OF_LINK_4, self._names[0], f"fp32_{self._names[0]}")
        missing = [name for name in wanted if name not in found.metrics]
        return f"the link lacks the metrics {', '.join(missing)}" if missing else ""

    def _apart(self, values: Mapping[str, float], link: Link) -> str:
        """Return what is wrong with the values for budgets beside link 4."""
        allowed = {*self._budgets, *(f"{name}_drop" for name in self._budgets)}
        unknown = sorted(values.keys() - allowed)
        if unknown:
            return f"{unknown[0]!r} is no further metric of the task that can have a budget"
        twice = sorted(values.keys() & link.metrics.keys())
        if twice:
            return f"link 4 has {twice[0]!r} already; leave it out here"
        missing = [name for name in self._budgets if name not in values and name not in link.metrics]
        return f"neither link 4 nor this has the metric {missing[0]!r}" if missing else ""


def _lacking(found: object, names: Iterable[str]) -> str:
    missing = [name for name in names if not hasattr(found, name)]
    return f"the {type(found).__name__} lacks {', '.join(missing)}" if missing else ""


def _is_number(value: object) -> bool:
    try:
        return not isinstance(value, str | bool) and math.isfinite(value)  # type: ignore[arg-type]
    except TypeError:
        return False


def _numbers(found: Any) -> str:
    if not isinstance(found, Mapping):
        return f"it is a {type(found).__name__}, not a dict of numbers by name"
    wrong = [name for name, value in found.items() if not isinstance(name, str) or not _is_number(value)]
    return f"{wrong[0]!r} is {found[wrong[0]]!r}, no finite number" if wrong else ""


def _answers(found: Any) -> str:
    if not isinstance(found, Mapping):
        return f"it is a {type(found).__name__}, not a dict"
    for name, value in found.items():
        if not isinstance(name, str) or name in Answers.model_fields:
            return f"it cannot have the key {name!r}"
        if not isinstance(value, str) and not _is_number(value):
            return f"{name!r} is neither a text nor a finite number"
    return ""


def _share(found: Any) -> str:
    return "" if _is_number(found) and 0 <= found <= 1 else f"{found!r} is no share from 0 to 1"


def _of_type(kind: type) -> Check:
    def check(found: Any) -> str:
        return "" if isinstance(found, kind) else f"it is a {type(found).__name__}, not {kind.__name__}"

    return check


_ATTRIBUTES: Mapping[str, Check] = {
    **dict.fromkeys(("kind", "hub_tag", "device_module", "comparison", "metric", "identity"), _of_type(str)),
    "hub_metrics": _of_type(Mapping),
    "can_draw": _of_type(bool),
}
"""Checks of attributes that are no methods, of tasks, labelled sets and trainings."""

_CHECKS_OF_TRAININGS: Mapping[str, Check] = {
    "evaluate": lambda found: "" if found is None or _is_number(found) else f"{found!r} is no finite number",
}
_CHECKS_OF_TASKS: Mapping[str, Check] = {
    "judge_quantization": _of_type(Link),
    "compare_answers": _of_type(AccuracyTest),
    "scored_classes": lambda found: (
        "" if isinstance(found, int) and found >= -1 else f"{found!r} is no number of classes"
    ),
    "java_properties": _of_type(Mapping),
    "usage": _of_type(str),
}
_CHECKS_OF_SETS: Mapping[str, Check] = {
    "values": _numbers,
    "verify": _of_type(Link),
    "answers": _answers,
    "budget_values": _numbers,
    "compare": _of_type(AccuracyTest),
    "agreement": _share,
    "class_agreement": lambda found: "" if found is None else _share(found),
    "draw": lambda found: "",  # noqa: ARG005
}
