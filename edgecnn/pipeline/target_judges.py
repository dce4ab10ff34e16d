"""Judgement of each target of a run as soon as its steps are finished, while others are still ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.pipeline.ladder import climb
from edgecnn.pipeline.planner.pruning import PRUNED_STEP
from edgecnn.pipeline.publish import Judgement, judge_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.pipeline.plan import Plan
    from edgecnn.pipeline.reporter import Reporter
    from edgecnn.pipeline.step import AnyStep, StepResult


class TargetJudges:
    """The judgements of a run's targets, each made when all of its attempts are finished.

    Attributes:
        judged: The judgements, by the name of the target.
    """

    def __init__(self, plan: Plan, reporter: Reporter) -> None:
        self.judged: dict[str, Judgement] = {}
        self._plan = plan
        self._reporter = reporter

    def judge(self, results: Mapping[str, StepResult]) -> list[AnyStep]:
        """Judge every target whose steps are finished, and let it climb the recovery ladder before.

        The runner calls it after each step (``more`` of :func:`edgecnn.pipeline.runner.execute`).

        Args:
            results: Results of the steps so far. Those of damaged steps have been removed; the targets that
                need them are judged again.

        Returns:
            The steps of the next rungs, which are in the plan now.
        """
        plan, known = self._plan, len(self._plan.steps)
        for name, target in plan.pipeline.targets.items():
            if not self._is_finished(name, results):
                self.judged.pop(name, None)
            elif name not in self.judged and not climb(plan, name, results):
                self.judged[name] = judge_target(plan, target, results)
                if len(plan.pipeline.targets) > 1:
                    self._reporter.judged(self.judged[name].result.summary)
        return plan.steps[known:]

    def _is_finished(self, name: str, results: Mapping[str, StepResult]) -> bool:
        plan = self._plan
        wanted = {step for attempt in plan.attempts[name] for step in attempt.steps}
        if PRUNED_STEP in plan:
            wanted.add(PRUNED_STEP)  # its report is part of every manifest
        return wanted <= results.keys()
