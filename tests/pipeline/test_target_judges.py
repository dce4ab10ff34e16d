"""Each target of a run is judged when its steps are finished, while others are still ahead."""

from __future__ import annotations

from pathlib import Path

from edgecnn.core.documents.run import TargetSummary
from edgecnn.pipeline.plan import Plan
from edgecnn.pipeline.reporter import SilentReporter
from edgecnn.pipeline.step import needed
from edgecnn.pipeline.target_judges import TargetJudges
from tests.support.plans import plan_document
from tests.support.tiny_steps import Results, finished


class Heard(SilentReporter):
    """Remembers the targets that were reported."""

    def __init__(self) -> None:
        self.targets: list[str] = []

    def judged(self, target: TargetSummary) -> None:
        self.targets.append(target.target)


def planned(picture_folder: Path, *targets: str) -> Plan:
    return plan_document(
        {
            "model": {"name": "zoo:mobilenetv2"},
            "data": {"train": str(picture_folder)},
            "targets": dict.fromkeys(targets),
            "benchmark": None,
        }
    )


def first_of_two(picture_folder: Path, folder: Path) -> tuple[Plan, Results]:
    """Return a plan of two targets and the results of what the first of them needs."""
    plan = planned(picture_folder, "onnx-fp32", "tflite-int8")
    (attempt,) = plan.attempts["onnx-fp32"]
    results = finished(plan, folder)
    return plan, {step.id: results[step.id] for step in needed(plan.steps, attempt.steps)}


def test_the_first_target_is_judged_before_the_second_has_begun(picture_folder: Path, tmp_path: Path) -> None:
    plan, results = first_of_two(picture_folder, tmp_path)
    heard = Heard()
    judges = TargetJudges(plan, heard)
    *before, last = results
    assert judges.judge({step: results[step] for step in before}) == []
    assert heard.targets == []
    for _ in range(2):
        assert judges.judge(results) == []
    assert heard.targets == list(judges.judged) == ["onnx-fp32"], last
    assert judges.judged["onnx-fp32"].result.ships


def test_a_target_whose_steps_are_made_again_is_judged_again(picture_folder: Path, tmp_path: Path) -> None:
    plan, results = first_of_two(picture_folder, tmp_path)
    judges = TargetJudges(plan, Heard())
    judges.judge(results)
    first = judges.judged["onnx-fp32"]
    judges.judge({})
    assert not judges.judged
    judges.judge(results)
    assert judges.judged["onnx-fp32"] is not first


def test_the_only_target_is_judged_without_a_word(picture_folder: Path, tmp_path: Path) -> None:
    plan = planned(picture_folder, "onnx-fp32")
    heard = Heard()
    judges = TargetJudges(plan, heard)
    judges.judge(finished(plan, tmp_path))
    assert list(judges.judged) == ["onnx-fp32"]
    assert not heard.targets
