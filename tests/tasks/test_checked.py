"""What a task of another package returns is checked where it is returned."""

from __future__ import annotations

import copy
import statistics
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgecnn.core.documents.metric import Metric
from edgecnn.core.entry_points import Extension, Origin
from edgecnn.core.errors import InputError, UsageError
from edgecnn.proof.links.limits import Limits
from edgecnn.tasks.base import warning_of
from edgecnn.tasks.checked import checked, metrics_problem

if TYPE_CHECKING:
    from edgecnn.tasks.base import LabelledSet, Task

TOY = Path(__file__).parents[1] / "extensions" / "toy_task"
EXTENSION = Extension(
    "task", Origin("acme-task", "0.3"), EntryPoint("brightness", "acme:Task", "edgecnn.tasks")
)
OUTPUTS = [np.linspace(0.2, 0.8, 8, dtype=np.float32).reshape(8, 1)]


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules of the example task, not installed."""
    monkeypatch.syspath_prepend(str(TOY))
    import toy_task.task

    yield toy_task.task
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy_task"]:
        del sys.modules[name]


def _task(toy: Any, **members: Any) -> Task:
    return checked(type("Task", (toy.BrightnessTask,), members)({"digits": 3}), EXTENSION)


def _labelled(toy: Any, **members: Any) -> LabelledSet:
    kind = type("Labelled", (toy.LabelledBrightness,), members)
    made = kind(np.full(8, 0.5, np.float32))
    images: Any = None
    return _task(toy, labelled=lambda *_: made).labelled(images)


def test_a_sound_task_works_as_before(toy: Any) -> None:
    task, labelled = _task(toy), _labelled(toy)
    assert (task.kind, task.can_draw, task.usage()[:5]) == ("brightness", False, "print")
    assert labelled.metric == "closeness"
    assert labelled.budget_values(OUTPUTS)["least_closeness"] == pytest.approx(0.7)
    assert labelled.verify(OUTPUTS, OUTPUTS, Limits.of("fp32")).passed
    assert labelled.class_agreement(OUTPUTS, OUTPUTS) is None
    assert warning_of(labelled, OUTPUTS) == "", "a set need not have the method"
    with pytest.raises(InputError, match="one number an image"):
        task.check_outputs([np.zeros((8, 2), np.float32)])


WRONG: dict[str, tuple[str, Any, str]] = {
    "no dict": (
        "values",
        [0.5],
        "wrong value: it is a list, not a dict of numbers by name",
    ),
    "no metric": ("values", {}, "it has no 'closeness'"),
    "not declared": (
        "values",
        {"closeness": 0.5, "speed": 3.0},
        "'speed' is no metric of the task, which declares closeness, least_closeness",
    ),
    "not finite": ("values", {"closeness": float("nan")}, "'closeness' is nan, no finite number"),
    "a text": ("values", {"closeness": "0.5"}, "'closeness' is '0.5', no finite number"),
    "of link 4": ("budget_values", {"closeness": 0.5}, "'closeness' is no further metric of the task"),
    "missing": ("budget_values", {}, "neither link 4 nor this has the metric 'least_closeness'"),
    "of edgecnn": ("budget_values", {"least_closeness": 0.5, "size": 1}, "'size' is no further metric"),
    "no link": ("verify", {"drop": 0.0}, "it is a dict, not a Link"),
    "a taken key": ("answers", {"images": 3}, "it cannot have the key 'images'"),
    "an array": ("answers", {"hits": np.zeros(3)}, "'hits' is neither a text nor a finite number"),
    "no share": ("agreement", 1.5, "1.5 is no share from 0 to 1"),
    "no test": ("compare", True, "it is a bool, not AccuracyTest"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_value_of_a_labelled_set_is_one_line_that_names_the_package(what: str, toy: Any) -> None:
    method, value, reason = WRONG[what]
    arguments: dict[str, tuple[Any, ...]] = {"verify": (OUTPUTS, OUTPUTS, Limits.of("fp32"))}
    arguments |= dict.fromkeys(("agreement", "compare"), (OUTPUTS, OUTPUTS))
    labelled = _labelled(toy, **{method: lambda *_: value})
    with pytest.raises(UsageError) as caught:
        getattr(labelled, method)(*arguments.get(method, (OUTPUTS,)))
    assert caught.value.message.startswith("task 'brightness' of acme-task 0.3 cannot be used: ")
    assert reason in caught.value.message


def test_a_warning_is_a_text(toy: Any) -> None:
    assert warning_of(_labelled(toy, warning=lambda *_: "is odd"), OUTPUTS) == "is odd"
    with pytest.raises(UsageError, match=r"acme-task 0\.3 .*warning returned a wrong value: it is a list"):
        warning_of(_labelled(toy, warning=lambda *_: ["is odd"]), OUTPUTS)


def test_a_metric_that_link_4_has_as_well_is_refused(toy: Any) -> None:
    def verify(self: Any, truth: Any, shipped: Any, limits: Limits) -> Any:
        link = toy.LabelledBrightness.verify(self, truth, shipped, limits)
        return link.model_copy(update={"metrics": {**link.metrics, "least_closeness": 0.5}})

    with pytest.raises(UsageError, match="link 4 has 'least_closeness' already; leave it out here"):
        _labelled(toy, verify=verify).budget_values(OUTPUTS)


def test_an_exception_names_the_package_the_method_and_the_line(toy: Any) -> None:
    def values(*_: Any) -> Any:
        values: dict[str, float] = {}
        return values["closeness"]

    with pytest.raises(UsageError, match=r"acme-task 0.3 .*values raised KeyError: .*_checked.py, line"):
        _labelled(toy, values=values).values(OUTPUTS)


def test_the_line_is_one_of_the_package_though_a_library_raised(toy: Any) -> None:
    def values(*_: Any) -> Any:
        return statistics.mean([])

    with pytest.raises(UsageError, match=r"values raised StatisticsError: .*test_checked.py, line"):
        _labelled(toy, values=values).values(OUTPUTS)


def test_a_labelled_set_and_a_training_are_complete(toy: Any) -> None:
    images: Any = None
    with pytest.raises(UsageError, match="labelled returned a wrong value: its metric is None"):
        _task(toy, labelled=lambda *_: object()).labelled(images)
    with pytest.raises(
        UsageError, match="training returned a wrong value: the object lacks train_set, metric"
    ):
        _task(toy, training=lambda *_: object()).training(images, None, images, 1)


SHARE = Metric("closeness", "share", "higher", task="brightness")
CLASHES = {
    "no tuple": ([SHARE], "its metrics are no tuple"),
    "none": ((), "its metrics are no tuple"),
    "names": (("closeness",), "its metrics are no tuple"),
    "of edgecnn": (
        (SHARE, Metric("size", "share", "higher")),
        "'size' takes a name that edgecnn has",
    ),
    "by its loss": ((Metric("unpruned", "share", "higher"),), "'unpruned'"),
    "of a document": ((Metric("seconds", "share", "higher"),), "its metric cannot be called 'seconds'"),
    "of link 4": ((Metric("agreement", "share", "higher"),), "its metric cannot be called 'agreement'"),
    "no name": ((Metric("a b", "share", "higher"),), "its metric cannot be called 'a b'"),
    "twice": ((SHARE, SHARE), "two of its metrics give the name 'closeness'"),
    "its own loss": (
        (SHARE, Metric("closeness_drop", "share", "lower")),
        "two of its metrics give the name 'closeness_drop'",
    ),
}


@pytest.mark.parametrize("what", CLASHES)
def test_names_of_metrics_that_clash_are_known_when_the_task_is_made(what: str) -> None:
    metrics, reason = CLASHES[what]
    assert reason in metrics_problem(metrics)


def test_a_task_may_share_the_metrics_of_edgecnn() -> None:
    from edgecnn.tasks.classification.task import ClassificationTask

    assert not metrics_problem(ClassificationTask.metrics)
    assert not metrics_problem((SHARE,))


class Broken:
    """Attributes that raise an exception, or have another type."""

    @property
    def absent_inside(self) -> Any:
        raise AttributeError("no attribute 'licence'")

    @property
    def wrong(self) -> Any:
        words: dict[str, str] = {}
        return words["licence"]

    @property
    def ends(self) -> Any:
        raise SystemExit(0)

    @property
    def number(self) -> Any:
        return 5


@pytest.mark.parametrize(
    "attribute", ["kind", "hub_tag", "hub_metrics", "device_module", "can_draw", "comparison"]
)
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("absent_inside", "raised AttributeError: no attribute 'licence'"),
        ("wrong", "raised KeyError: "),
        ("ends", "raised SystemExit: it ends the program"),
        ("number", "returned a wrong value: it is a int, not "),
    ],
)
def test_a_property_that_raises_is_one_line_that_names_it(
    toy: Any, attribute: str, how: str, reason: str
) -> None:
    task = _task(toy, **{attribute: vars(Broken)[how]})
    with pytest.raises(UsageError) as caught:
        getattr(task, attribute)
    assert f"acme-task 0.3 cannot be used: {attribute} {reason}" in caught.value.message


def test_a_property_of_what_a_task_returns(toy: Any) -> None:
    images: Any = None
    broken = type("Broken", (), {"metric": vars(Broken)["wrong"]})()
    with pytest.raises(UsageError, match=r"acme-task 0\.3 .*labelled raised KeyError"):
        _task(toy, labelled=lambda *_: broken).labelled(images)
    with pytest.raises(UsageError, match=r"acme-task 0\.3 .*training raised KeyError"):
        _task(toy, training=lambda *_: broken).training(images, images, images, 1)


def test_a_method_of_a_training_is_checked_too(toy: Any) -> None:
    members = dict.fromkeys(("train_set", "metric", "identity", "method", "taught", "begin", "batch"), "")
    made = type("Training", (), {**members, "evaluate": lambda *_: "good"})()
    images: Any = None
    with pytest.raises(UsageError, match=r"evaluate returned a wrong value: 'good' is no finite number"):
        _task(toy, training=lambda *_: made).training(images, images, images, 1).evaluate(images, images)


def test_a_checked_task_is_copied_and_lacks_what_its_object_lacks(toy: Any) -> None:
    task = copy.copy(_task(toy))
    assert task.kind == "brightness"
    assert not hasattr(task, "nothing")
