"""The table of metrics, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.config.budgets import Budgets
from edgecnn.core.documents.metric import BUDGETS, METRICS, find_metric
from edgecnn.core.errors import UsageError
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.planner.make import make_plan

PIPELINE = """\
name: mine
model: {name: "zoo:mobilenetv2"}
targets: [onnx-fp32]
budgets:
  "*": {size: 1 MB}
  onnx-fp32:
    sise: 1 kB
"""


def test_every_documented_budget_is_a_metric_and_every_metric_that_may_be_one_is_documented() -> None:
    assert set(Budgets.model_fields) == set(BUDGETS)


def test_the_table_names_each_metric_by_itself() -> None:
    assert all(name == metric.name for name, metric in METRICS.items())


@pytest.mark.parametrize(
    ("name", "value", "limit", "held"),
    [
        ("accuracy", 0.9, 0.9, True),
        ("accuracy", 0.89, 0.9, False),
        ("accuracy_drop", 0.01, 0.01, True),
        ("accuracy_drop", 0.02, 0.01, False),
        ("accuracy", float("nan"), 0.9, False),
        ("size", float("nan"), 1.0, False),
    ],
)
def test_a_limit_binds_from_the_side_of_its_metric(name: str, value: float, limit: float, held: bool) -> None:
    assert find_metric(name).holds(value, limit) is held


def test_the_planner_refuses_a_budget_on_what_is_no_metric_and_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(PIPELINE)
    with pytest.raises(UsageError, match=r"mine\.yaml:7: unknown key 'budgets\.onnx-fp32\.sise'") as caught:
        make_plan(load_pipeline(str(file)))
    assert caught.value.hint == "did you mean 'size'?"
    assert caught.value.exit_code == 2


def test_a_budget_of_every_target_and_an_override_are_named_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(PIPELINE.replace("    sise: 1 kB\n", "    size: 1 kB\n"))
    pipeline = load_pipeline(str(file), ("budgets.*.miou=3 %",))
    assert pipeline.targets["onnx-fp32"].budgets.given() == {"size": 1000, "miou": 0.03}
    with pytest.raises(UsageError, match=r"override 'budgets\.\*\.miou=3 %': unknown key"):
        make_plan(pipeline)
