"""A plan that is written and read again has the same steps, with the same keys, in the same order."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.store import Store
from edgecnn.pipeline.plan import Plan
from edgecnn.pipeline.plan_document import MAX_CHARACTERS, read_plan, write_plan
from edgecnn.pipeline.reporter import SilentReporter
from edgecnn.pipeline.runner import execute
from edgecnn.pipeline.step import needed
from tests.support.plans import add_every_rung, keys, plan_builtin, plan_document

PIPELINES = sorted(path.stem for path in (Path(__file__).parents[2] / "pipelines").glob("*.yaml"))


@pytest.mark.parametrize("name", PIPELINES)
def test_every_plan_of_a_builtin_pipeline_survives_json(
    name: str, picture_folder: Path, boxes_folder: Path
) -> None:
    plan = plan_builtin(name, picture_folder, boxes_folder)
    add_every_rung(plan)
    again = read_plan(write_plan(plan))
    assert [step.id for step in again.steps] == [step.id for step in plan.steps]
    assert again.steps == plan.steps
    assert again.attempts == plan.attempts
    assert (again.checkpoint, again.has_eval) == (plan.checkpoint, plan.has_eval)
    assert (again.pipeline.spec, again.pipeline.targets) == (plan.pipeline.spec, plan.pipeline.targets)
    assert keys(again) == keys(plan)


def test_a_plan_that_was_read_runs_and_finds_what_the_first_one_made(
    picture_folder: Path, boxes_folder: Path, tmp_path: Path
) -> None:
    plan = plan_builtin("quickstart", picture_folder, boxes_folder)
    made = _run(plan, tmp_path)
    assert set(made.values()) == {"made"}
    assert _run(read_plan(write_plan(plan)), tmp_path) == dict.fromkeys(made, "reused")


def _run(plan: Plan, folder: Path) -> dict[str, str]:
    steps = needed(plan.steps, {"prepare:eval"})
    results = execute(steps, Store(folder / "store"), SilentReporter(), folder / "logs")
    return {name: result.status.value for name, result in results.items()}


@pytest.fixture
def content(picture_folder: Path) -> dict[str, Any]:
    """Return the content of a small plan's file."""
    plan = plan_document(
        {
            "model": {"name": "zoo:mobilenetv2"},
            "data": {"calibration": {"source": str(picture_folder)}},
            "targets": {"onnx-int8": None},
        }
    )
    written: dict[str, Any] = json.loads(write_plan(plan))
    return written


def _step(content: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in content["steps"] if step["id"] == name)
    return found


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another version of the document": (lambda c: c.update(version=2), "version"),
    "an unknown key": (lambda c: c.update(code="import os"), "code"),
    "an unknown stage": (lambda c: _step(c, "probe").update(stage="os:system"), "no stage 'os:system'"),
    "another version of a stage": (lambda c: _step(c, "probe").update(version=99), "version 1 here"),
    "a parameter too many": (lambda c: _step(c, "probe")["parameters"].update(code=1), "unknown key 'code'"),
    "a parameter of another type": (lambda c: _step(c, "probe")["parameters"].update(seed="x"), "seed"),
    "an unknown gate": (lambda c: _step(c, "verify:onnx-int8").update(gate="os.remove"), "gate"),
    "a step that stands twice": (lambda c: c["steps"].append(_step(c, "probe")), "two steps 'probe'"),
    "a step that is read before it is made": (lambda c: c["steps"].reverse(), "does not come before it"),
    "an attempt at no target": (lambda c: c["targets"].clear(), "no target of it"),
    "an attempt without its steps": (lambda c: c["attempts"][0].update(steps=["x"]), "needs step 'x'"),
    "no network": (lambda c: c.update(checkpoint="x"), "needs step 'x'"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_plan_is_refused_in_one_line(what: str, content: dict[str, Any]) -> None:
    damage, said = DAMAGE[what]
    damage(content)
    with pytest.raises(InputError) as caught:
        read_plan(json.dumps(content))
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_a_format_that_no_backend_brings_is_refused(content: dict[str, Any]) -> None:
    _step(content, "lower:onnx")["parameters"]["format"] = "gguf"
    with pytest.raises(UsageError, match="gguf"):
        read_plan(json.dumps(content))


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "x" * (MAX_CHARACTERS + 1)])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="plan"):
        read_plan(text)
