"""Tests of the rows of pruning reports."""

from __future__ import annotations

from edgecnn.core.documents.pruning import PruningReport, SensitivityCurves
from edgecnn.ui.report.pruning import pruning_line, pruning_table, sensitivity_table

COST = {"before": 2_000_000, "after": 1_000_000}
REPORT = PruningReport.model_validate(
    {
        "goal": {"macs": 0.5},
        "importance": "l2",
        "scope": "global",
        "multiple": 8,
        "steps": 1,
        "epochs": 5,
        "macs": COST,
        "params": COST,
        "at_least": False,
        "groups": [],
        "metric": "top1",
        "accuracy": {"unpruned": 0.9, "pruned": 0.8},
    }
)


def test_each_network_on_the_way_has_a_row() -> None:
    assert pruning_table(REPORT)[1][1] == ("after pruning", "1.00 M", "50.0 %", "1.00 M", "50.0 %", "80.00 %")


def test_the_line_says_what_was_asked_for() -> None:
    assert pruning_line(REPORT) == (
        "Pruned to macs 0.5 by importance l2, global, in multiples of 8, in 1 step; trained for 5 epochs."
    )


def test_the_accuracy_of_each_group_stands_beside_the_whole_networks() -> None:
    group = {"name": "stem", "layers": ["stem"], "channels": 8, "shares": [0.5], "accuracy": [0.25]}
    curves = SensitivityCurves.model_validate(
        {"metric": "top1", "images": 100, "whole": 0.75, "groups": [group]}
    )
    columns = ("layers of", "channels", "none", "-50 %")
    assert sensitivity_table(curves) == (columns, [("stem", "8", "75.0 %", "25.0 %")])
