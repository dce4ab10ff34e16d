"""The inputs of two runs that differ."""

from __future__ import annotations

import json
from pathlib import Path

import edgecnn
from edgecnn.pipeline.compare_inputs import changed_training
from tests.support.gate_runs import quantized
from tests.support.tiny_run import hits


def test_changed_inputs_come_first(tmp_path: Path) -> None:
    before = quantized(tmp_path / "before", tools={"torch": "2.14.0"})
    after = quantized(tmp_path / "after", images=8, right=hits(800), tools={"torch": "2.14.1"})
    changes = edgecnn.compare(before, after).changes
    kinds = [change.kind for change in changes]
    assert kinds == sorted(kinds, key=lambda kind: kind != "input")
    found = {change.name: (change.before, change.after) for change in changes if change.kind == "input"}
    assert found["calibration images"] == (200, 8)
    assert found["package torch"] == ("2.14.0", "2.14.1")
    assert ("value", "accuracy") in {(change.kind, change.name) for change in changes}


def test_the_number_of_epochs_is_an_input(tmp_path: Path) -> None:
    golden = Path(__file__).parents[1] / "core" / "documents" / "golden"
    summary = json.loads((golden / "summary-run.json").read_text())
    history = summary["training"]["history"]
    assert len(history) > 1
    for name, epochs in (("long", history), ("short", history[:1])):
        run = summary | {"training": summary["training"] | {"history": epochs}}
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(json.dumps(run))
    assert changed_training(tmp_path / "long", tmp_path / "short")["epochs"] == (len(history), 1)
