"""The manifest of an artifact, built from the measurements of an attempt's steps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from edgecnn.backends.formats import model_file
from edgecnn.core.documents.accuracy import Answers, TaskMetrics
from edgecnn.core.documents.document import Document
from edgecnn.core.documents.inspection import Inspection, OpenModel
from edgecnn.core.documents.latency import LatencyRatio
from edgecnn.core.documents.manifest import Manifest
from edgecnn.core.documents.measured import INTERVAL, Measured, Value
from edgecnn.core.documents.npu import NpuReport
from edgecnn.core.documents.pruning import PruningReport
from edgecnn.core.documents.source import ModelOrigin, StoreEntry
from edgecnn.core.store.digest import digest_file
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.spec import ModelSpec
from edgecnn.pipeline.planner.pruning import PRUNED_STEP
from edgecnn.pipeline.stages import benchmark, count, evaluate, pruned, quantize, reference, verify
from edgecnn.pipeline.stages import compile as compile_stage
from edgecnn.pipeline.stages.outputs import read_outputs
from edgecnn.pipeline.step import needed
from edgecnn.proof.budgets import judge
from edgecnn.proof.links.limits import Limits
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgecnn.core.config.target import Target
    from edgecnn.core.documents.budget import BudgetResult
    from edgecnn.core.documents.host import Host
    from edgecnn.core.documents.ladder import RungResult
    from edgecnn.core.documents.link import Link
    from edgecnn.core.documents.step_record import StepCost
    from edgecnn.core.errors import EdgecnnError
    from edgecnn.pipeline.plan import Attempt, Plan
    from edgecnn.pipeline.step import StepResult
    from edgecnn.tasks.base import LabelledSet, Task


D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Parts:
    """The outputs of an attempt's steps, by kind."""

    plan: Plan
    attempt: Attempt
    results: Mapping[str, StepResult]

    @property
    def target(self) -> Target:
        """The target."""
        return self.attempt.target

    @property
    def error(self) -> EdgecnnError | None:
        """Return the first error of the steps that the attempt needs."""
        errors = (self.results[name].error for name in self._needed())
        return next((error for error in errors if error is not None), None)

    def _needed(self) -> list[str]:
        """Return the ids of the attempt's steps and of all steps before them, in the plan's order."""
        own = {self.attempt.float_file, *self.attempt.steps}
        return [step.id for step in needed(self.plan.steps, own)]

    def _outputs(self, step: str) -> Path:
        entry = self.results[step].entry
        if entry is None:
            raise KeyError(f"{step} has no outputs")
        return entry.outputs

    def _json(self, step: str, name: str) -> Any:
        return json.loads((self._outputs(step) / name).read_text(encoding="utf-8"))

    def _document(self, kind: type[D], step: str, name: str) -> D:
        return kind.from_json(self._json(step, name), name)

    def _has(self, step: str) -> bool:
        return step in self.results

    def files(self) -> list[Path]:
        """Return the model's files and the compiled file."""
        return [*self._model_files(), *self._compiled_files()]

    def _model_files(self) -> list[Path]:
        return [
            path
            for path in sorted(self._outputs(self.attempt.model_file).iterdir())
            if path.name != quantize.NOTES
        ]

    def size(self) -> int:
        """Return the size of the shipped files: the compiled file, or else the model's files."""
        return sum(path.stat().st_size for path in self._compiled_files() or self._model_files())

    def _compiled_files(self) -> list[Path]:
        step = self.attempt.step("compile")
        return [compile_stage.compiled_file(self._outputs(step))] if self._has(step) else []

    def links(self) -> list[Link]:
        """Return every link of the chain; the fourth only with an evaluation set."""
        links = verify.read_links(self._outputs(self.attempt.step("verify")))
        if not self.plan.has_eval:
            return links
        truth = read_outputs(self._outputs("reference") / reference.EVAL)
        shipped = read_outputs(self._outputs(self.attempt.step("evaluate")))
        limits = Limits.of(self.target.precision, self.target.verification.model_dump(exclude_none=True))
        return [*links, self._labelled().verify(truth, shipped, limits)]

    def _task(self) -> Task:
        return task_of(ModelSpec.from_json(self._json(self.plan.checkpoint, "spec.json")).task)

    def _labelled(self) -> LabelledSet:
        return self._task().labelled(PreparedSet.open(self._outputs("prepare:eval")))

    def manifest(self, links: list[Link], ladder: list[RungResult]) -> tuple[Manifest, list[BudgetResult]]:
        """Return the manifest and its judged budgets."""
        spec = self._json(self.plan.checkpoint, "spec.json")
        inspection = self._document(Inspection, self.attempt.step("inspect"), quantize.INSPECTION)
        files = self.files()
        size = self.size()
        npu = self._npu()
        runtime = self._document(OpenModel, self.attempt.step("verify"), verify.RUNTIME)
        latency = self._latency()
        metrics = self.metrics(links)
        answers = self._answers()
        measured = Measured(
            size=size,
            **self.task_values(metrics),
            **self._budget_values(),
            **_latency_values(latency),
            instructions={device: found["median"] for device, found in self._counts().items()},
            float_ops=inspection.float_ops,
            transposes=inspection.transposes,
            **_npu_values(npu),
            arena=runtime.memory_bytes.get("arena"),
        )
        budgets = judge(self.target.budgets, measured)
        notes = self.attempt.step("quantize")
        manifest = Manifest(
            name=self.plan.pipeline.spec.name,
            target=self.target,
            model=model_file(self._outputs(self.attempt.model_file), self.target.format).name,
            files={path.name: digest_file(path) for path in files},
            size_bytes=size,
            source=self._source(spec),
            contract=spec["contract"],
            classes=spec["classes"],
            task=spec["task"],
            precision=inspection.precision,
            inspection=inspection,
            quantization=self._json(notes, quantize.NOTES) if self._has(notes) else {},
            pruning=self._pruning(),
            ladder=ladder,
            verification=links,
            metrics=metrics,
            latency=latency,
            npu=npu,
            runtime=runtime,
            answers=answers,
            measured=measured,
            budgets=budgets,
            costs=self._costs(),
            host=self._host(),
            tools=self._tools(),
        )
        return manifest, budgets

    def _source(self, spec: dict[str, Any]) -> ModelOrigin:
        entry = self.results[self.plan.checkpoint].entry
        kept = {
            key: value for key, value in spec.items() if key not in ("schema", "contract", "classes", "task")
        }
        checkpoint = {"checkpoint": None if entry is None else entry.digest}
        return ModelOrigin.from_json(kept | checkpoint | self._origins(), "spec.json")

    def _origins(self) -> dict[str, StoreEntry]:
        """Return the store's entries of the float file that was quantized, and of its network."""
        if self.target.precision != "int8":
            return {}
        steps = {"float": self.attempt.float_file, "network": self.attempt.network.checkpoint}
        entries = {name: self.results[step].entry for name, step in steps.items()}
        return {
            name: StoreEntry(key=entry.key, digest=entry.digest)
            for name, entry in entries.items()
            if entry is not None
        }

    def metrics(self, links: list[Link]) -> TaskMetrics | None:
        """Return the task metric in the shipping runtime with its references; None if not measured."""
        task = next((link for link in links if link.number == 4), None)
        if task is None:
            return None
        took = self._json(self.attempt.step("evaluate"), evaluate.RESULT)
        metric, *others = (each.name for each in self._task().metrics)
        names = [name for other in others for name in (other, f"fp32_{other}", f"{other}_drop")]
        besides = {name: task.metrics[name] for name in names if name in task.metrics}
        pruning = self._pruning()
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
            data=self.plan.pipeline.spec.data.eval,
            **besides,
        )

    def task_values(self, metrics: TaskMetrics | None) -> dict[str, float | None]:
        """Return the task's metrics that can have budgets, with their losses; empty if not measured."""
        if metrics is None:
            return {}
        names = [name for each in self._task().metrics[1:] for name in (each.name, f"{each.name}_drop")]
        return {
            "accuracy": metrics.value,
            "accuracy_drop": metrics.drop,
            "unpruned_drop": metrics.unpruned_drop,
            **{name: metrics.besides[name] for name in names if name in metrics.besides},
        }

    def _budget_values(self) -> dict[str, float]:
        """Return the metrics that only budgets need; empty without an evaluation set."""
        if not self.plan.has_eval:
            return {}
        return self._labelled().budget_values(read_outputs(self._outputs(self.attempt.step("evaluate"))))

    def _pruning(self) -> PruningReport | None:
        """Return the pruning report without sensitivities; None if nothing was pruned."""
        result = self.results.get(PRUNED_STEP)
        if result is None or result.entry is None:
            return None
        found = self._document(PruningReport, PRUNED_STEP, pruned.RESULT)
        return found.model_copy(update={"sensitivity": None})

    def _answers(self) -> Answers | None:
        """Return the answers of the shipping runtime; None without an evaluation set."""
        if not self.plan.has_eval:
            return None
        images = PreparedSet.open(self._outputs("prepare:eval"))
        shipped = read_outputs(self._outputs(self.attempt.step("evaluate")))
        found = self._labelled().answers(shipped)
        return Answers(images=len(images), digest=images.digest, **found)

    def _latency(self) -> LatencyRatio | None:
        step = self.attempt.step("benchmark")
        return self._document(LatencyRatio, step, benchmark.RESULT) if self._has(step) else None

    def _counts(self) -> dict[str, dict[str, Any]]:
        step = self.attempt.step("count")
        return dict(self._json(step, count.RESULT)) if self._has(step) else {}

    def _npu(self) -> NpuReport | None:
        step = self.attempt.step("compile")
        return self._document(NpuReport, step, compile_stage.REPORT) if self._has(step) else None

    def _host(self) -> Host | None:
        """Return the machine that verified the file, which for a reused result may be another one."""
        entry = self.results[self.attempt.step("verify")].entry
        return None if entry is None else entry.record.host

    def _own_steps(self) -> list[StepResult]:
        names = [self.attempt.float_file, *self.attempt.steps]
        return [self.results[name] for name in names]

    def seconds(self) -> float:
        """Return the cost of the steps that only this attempt needs, and of its network's recovery."""
        first = self.plan.attempts[self.target.name][0]
        own = set(self._needed()) - set(Parts(self.plan, first, self.results)._needed())
        own |= set(self.attempt.steps)
        records = [entry.record for name in own if (entry := self.results[name].entry) is not None]
        return round(sum(cost.wall_s for record in records for cost in record.costs.values()), 1)

    def accuracy_of(self, reference_step: str) -> float | None:
        """Return the task metric of PyTorch's outputs in another reference step."""
        result = self.results.get(reference_step)
        if result is None or result.entry is None or not self.plan.has_eval:
            return None
        labelled = self._labelled()
        return labelled.values(read_outputs(result.entry.outputs / reference.EVAL))[labelled.metric]

    def _costs(self) -> dict[str, StepCost]:
        entries = [result.entry for result in self._own_steps() if result.entry is not None]
        return {name: cost for entry in entries for name, cost in entry.record.costs.items()}

    def _tools(self) -> dict[str, str]:
        tools: dict[str, str] = {}
        for result in self._own_steps():
            if result.entry is not None:
                tools |= result.entry.record.packages
        for found in self._counts().values():
            tools["qemu"] = found["tool"]
        return dict(sorted(tools.items()))


def _latency_values(latency: LatencyRatio | None) -> dict[str, Value]:
    """Return the values of a latency comparison that can have budgets; empty without one."""
    if latency is None:
        return {}
    return {
        "latency_ratio": latency.ratio,
        INTERVAL: (latency.low, latency.high),
        "latency": {latency.host.cpu: latency.candidate.p50_ns / 1e6},
        "memory": latency.candidate.peak_bytes,
    }


def _npu_values(npu: NpuReport | None) -> dict[str, Value | None]:
    """Return the values of a compiler's report that can have budgets; empty without one."""
    if npu is None:
        return {}
    return {
        "npu_coverage": npu.npu_coverage,
        "cpu_ops": npu.cpu_ops,
        "subgraphs": npu.subgraphs,
        "cycles": npu.cycles,
        "sram": npu.sram_bytes,
        "flash": npu.flash_bytes,
    }
