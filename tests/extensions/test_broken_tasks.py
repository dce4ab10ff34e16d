"""Tasks of other packages that cannot be used: one line that names the package, and all else works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgecnn.core.entry_points import TASKS
from tests.support.extensions import edgecnn, fake_distribution, python

WHOLE = """
from toy_task.task import BrightnessTask

class Task(BrightnessTask):
    def __init__(self, settings):
        pass
"""

BROKEN = {
    "raises on import": ("raise RuntimeError('the licence\\nhas expired')", "the licence has expired"),
    "ends the program": ("import sys; sys.exit(0)", "it ends the program"),
    "raises what is no Exception": ("class Stop(BaseException): pass\nraise Stop('no more')", "no more"),
    "imports what is missing": ("import no_such_package", "No module named 'no_such_package'"),
    "names what is not there": ("", "has no attribute 'Task'"),
    "is no factory": ("Task = {}", "it is a dict, which makes no task"),
    "lacks methods": (
        "class Task:\n    kind = 'odd'\n    def __init__(self, settings): pass",
        "it lacks check, check_outputs, training, labelled, judge_quantization, compare_answers",
    ),
}

USE = """
from edgecnn.core.errors import UsageError
from edgecnn.tasks.registry import kinds, problems, task_of
for kind in ("odd", "classification"):
    try:
        task = task_of({'kind': kind})
        print(f"{kind}: {type(getattr(task, 'checked_object', task)).__module__}")
    except UsageError as error:
        print(f"{kind}: {error.exit_code} {error.message}")
print(*kinds())
for problem in problems():
    print(problem.message)
"""


def _installed(
    folder: Path, module: str, names: tuple[str, ...] = ("odd",), package: str = "odd-task"
) -> Path:
    code = package.replace("-", "_")
    points = "\n".join(f"{name} = {code}:Task" for name in names)
    return fake_distribution(folder, package, TASKS, points, {f"{code}.py": module})


def _use(tmp_path: Path, *sites: Path) -> list[str]:
    toys = Path(__file__).parent / "toy_task"
    done = python(tmp_path, [*sites, toys], "-c", USE)
    assert not done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_task_is_one_line_where_it_is_used(what: str, tmp_path: Path) -> None:
    module, reason = BROKEN[what]
    odd, own, kinds, problem = _use(tmp_path, _installed(tmp_path / "site", module))
    assert odd.startswith("odd: 2 task 'odd' of odd-task 1.0 cannot be used: ")
    assert reason in odd
    assert problem == odd.removeprefix("odd: 2 ")
    assert own == "classification: edgecnn.tasks.classification.task", "a built-in task works all the same"
    assert kinds == "classification detection odd"


def test_an_attribute_that_is_missing_is_known_when_the_task_is_made(tmp_path: Path) -> None:
    methods = "\n".join(f"    {name} = print" for name in BROKEN["lacks methods"][1][9:].split(", "))
    module = f"class Task:\n    def __init__(self, settings): pass\n    scored_classes = print\n{methods}\n"
    module += "    java_properties = usage = print\n"
    odd, *_ = _use(tmp_path, _installed(tmp_path / "site", module))
    assert odd == (
        "odd: 2 task 'odd' of odd-task 1.0 cannot be used: it lacks kind, metrics, hub_tag, hub_metrics, "
        "device_module, can_draw, comparison"
    )


def test_a_task_that_raises_when_it_is_made_is_named(tmp_path: Path) -> None:
    module = WHOLE + "def Task(settings): raise RuntimeError('no licence')"
    odd, *_ = _use(tmp_path, _installed(tmp_path / "site", module))
    assert odd == "odd: 2 task 'odd' of odd-task 1.0 cannot be used: no licence"


def test_a_task_that_takes_a_name_of_edgecnn_leaves_it_alone_and_is_told_of(tmp_path: Path) -> None:
    site = _installed(tmp_path / "site", WHOLE, ("odd", "classification"))
    odd, own, _, problem = _use(tmp_path, site)
    assert (odd, own) == ("odd: odd_task", "classification: edgecnn.tasks.classification.task")
    assert problem == ("task 'classification' of odd-task 1.0 cannot be used: it takes a name that exists")


def test_of_two_packages_with_one_name_the_first_by_name_has_it(tmp_path: Path) -> None:
    later = _installed(tmp_path / "site", WHOLE, package="second-task")
    odd, _, _, problem = _use(tmp_path, later, _installed(tmp_path / "other", WHOLE))
    assert odd == "odd: odd_task"
    assert problem == "task 'odd' of second-task 1.0 cannot be used: it takes a name that exists"


def test_doctor_lists_it_with_what_to_do(tmp_path: Path) -> None:
    site = _installed(tmp_path / "site", BROKEN["raises on import"][0])
    done = edgecnn(tmp_path, [site], "doctor", "--json")
    (found,) = [item for item in json.loads(done.stdout)["findings"] if item["what"] == "task"]
    assert not found["ok"]
    assert found["found"] == "task 'odd' of odd-task 1.0 cannot be used: the licence has expired"
    assert found["remedy"] == "update or remove it: pip uninstall odd-task"


def test_doctor_lists_a_task_that_can_be_used(tmp_path: Path) -> None:
    toys = Path(__file__).parent / "toy_task"
    done = edgecnn(tmp_path, [_installed(tmp_path / "site", WHOLE), toys], "doctor", "--json")
    findings = json.loads(done.stdout)["findings"]
    (found,) = [item for item in findings if item["what"].startswith("task")]
    assert found == {"what": "task odd", "ok": True, "found": "odd-task 1.0", "remedy": ""}
