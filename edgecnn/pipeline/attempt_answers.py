"""The answers of an attempt's network on the evaluation set: link 4, the task's metrics, paired answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from edgecnn.core.documents.accuracy import Answers, TaskMetrics
from edgecnn.core.documents.metric import ACCURACY
from edgecnn.core.json_file import read_json
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.spec import ModelSpec
from edgecnn.pipeline.plan import IMPORTED
from edgecnn.pipeline.stages import evaluate, reference, verify
from edgecnn.pipeline.stages.outputs import read_outputs
from edgecnn.proof.links.limits import Limits
from edgecnn.tasks.base import warning_of
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from edgecnn.core.documents.link import Link
    from edgecnn.pipeline.attempt_outputs import AttemptOutputs
    from edgecnn.pipeline.stages.outputs import Outputs
    from edgecnn.tasks.base import LabelledSet, Task


@dataclass(frozen=True)
class AttemptAnswers:
    """The answers of an attempt's network; without an evaluation set there are none."""

    outputs: AttemptOutputs

    @cached_property
    def _task(self) -> Task:
        outputs = self.outputs
        spec = read_json(outputs.folder(outputs.plan.checkpoint) / "spec.json")
        return task_of(ModelSpec.from_json(spec).task)

    @cached_property
    def _images(self) -> PreparedSet:
        return PreparedSet.open(self.outputs.folder("prepare:eval"))

    @cached_property
    def _labelled(self) -> LabelledSet:
        return self._task.labelled(self._images)

    def _shipped(self) -> Outputs:
        return read_outputs(self.outputs.folder(self.outputs.attempt.step("evaluate")))

    def links(self) -> list[Link]:
        """Return every link: link 0 only for an imported file, link 4 only if there is an evaluation set."""
        outputs, target = self.outputs, self.outputs.target
        steps = [outputs.attempt.step("verify")]
        if IMPORTED in outputs.plan:
            steps.insert(0, IMPORTED)
        links = [link for step in steps for link in verify.read_links(outputs.folder(step))]
        if not outputs.plan.has_eval:
            return links
        truth = read_outputs(outputs.folder("reference") / reference.EVAL)
        limits = Limits.of(target.precision, target.verification.model_dump(exclude_none=True))
        return [*links, self._labelled.verify(truth, self._shipped(), limits)]

    def metrics(self, links: list[Link]) -> TaskMetrics | None:
        """Return the task metric in the shipping runtime and its references; None if it was not measured."""
        task = next((link for link in links if link.number == 4), None)
        if task is None:
            return None
        outputs = self.outputs
        took = read_json(outputs.folder(outputs.attempt.step("evaluate")) / evaluate.RESULT)
        metric, *others = (each.name for each in self._task.metrics)
        names = [name for other in others for name in (other, f"fp32_{other}", f"{other}_drop")]
        besides = {name: task.metrics[name] for name in names if name in task.metrics}
        pruning = outputs.pruning()
        unpruned = None if pruning is None else pruning.accuracy.get("unpruned")
        return TaskMetrics(
            metric=metric,
            value=task.metrics[metric],
            fp32=task.metrics[f"fp32_{metric}"],
            unpruned=unpruned,
            unpruned_drop=None if unpruned is None else unpruned - task.metrics[metric],
            drop=task.metrics["drop"],
            drop_interval=(task.metrics["drop_low"], task.metrics["drop_high"]),
            agreement=task.metrics["agreement"],
            n=took["images"],
            seconds=took["seconds"],
            images_per_second=took["images_per_second"],
            peak_bytes=took["peak_bytes"],
            data=outputs.plan.pipeline.spec.data.eval,
            **besides,
        )

    def task_values(self, metrics: TaskMetrics | None) -> dict[str, float | None]:
        """Return the task's metrics and losses that budgets may bind; empty where nothing was measured."""
        if metrics is None:
            return {}
        names = [name for each in self._task.metrics[1:] for name in (each.name, f"{each.name}_drop")]
        return {
            "accuracy": metrics.value,
            "accuracy_drop": metrics.drop,
            "unpruned_drop": metrics.unpruned_drop,
            **{name: metrics.besides[name] for name in names if name in metrics.besides},
        }

    def float_values(self) -> dict[str, float]:
        """Return what fp32 PyTorch reaches on the same images, by the name of the budget.

        These are lower limits and the loss by pruning, which no quantization can improve. Empty without an
        evaluation set.
        """
        outputs = self.outputs
        if not outputs.plan.has_eval:
            return {}
        truth = read_outputs(outputs.folder("reference") / reference.EVAL)
        values = self._labelled.values(truth)
        reached = values | self._labelled.budget_values(truth) | {ACCURACY: values[self._labelled.metric]}
        pruning = outputs.pruning()
        unpruned = None if pruning is None else pruning.accuracy.get("unpruned")
        return reached if unpruned is None else reached | {"unpruned_drop": unpruned - reached[ACCURACY]}

    def budget_values(self) -> dict[str, float]:
        """Return the values of the answers that only budgets need; empty without an evaluation set."""
        return self._labelled.budget_values(self._shipped()) if self.outputs.plan.has_eval else {}

    def warnings(self) -> tuple[str, ...]:
        """Return what is suspicious about the answers, such as one class for every image."""
        found = warning_of(self._labelled, self._shipped()) if self.outputs.plan.has_eval else ""
        return (found,) if found else ()

    def paired(self) -> Answers | None:
        """Return which images were right in the shipping runtime; None without an evaluation set."""
        if not self.outputs.plan.has_eval:
            return None
        found = self._labelled.answers(self._shipped())
        return Answers(images=len(self._images), digest=self._images.digest, **found)

    def accuracy_of(self, reference_step: str) -> float | None:
        """Return the task metric of PyTorch's answers in a reference step; None where there are none."""
        result = self.outputs.results.get(reference_step)
        if result is None or result.entry is None or not self.outputs.plan.has_eval:
            return None
        answers = read_outputs(self.outputs.folder(reference_step) / reference.EVAL)
        return self._labelled.values(answers)[self._labelled.metric]
