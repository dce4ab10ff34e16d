"""Measurement of a combination: plan its pipeline, execute it as usual, read the results.

Every step is in the store, so measurements of an earlier search or run are reused.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_runtime
from edgecnn.core.config.pipeline import BenchmarkConfig
from edgecnn.core.documents.latency import LatencyRatio
from edgecnn.core.documents.search import Outcome, Ratio, TargetOutcome, lowered
from edgecnn.core.errors import EdgecnnError, MachineFault, MissingDependency
from edgecnn.core.json_file import read_json
from edgecnn.core.store.digest import digest_json
from edgecnn.devices.host import host
from edgecnn.pipeline.attempt_answers import AttemptAnswers
from edgecnn.pipeline.attempt_outputs import AttemptOutputs
from edgecnn.pipeline.keys import package_versions
from edgecnn.pipeline.ladder import choose_attempt, climb
from edgecnn.pipeline.manifest_builder import build_manifest
from edgecnn.pipeline.planner.attempts import benchmark_parameters
from edgecnn.pipeline.planner.make import make_plan
from edgecnn.pipeline.runner import execute
from edgecnn.pipeline.search import derive
from edgecnn.pipeline.search.halving import COSTS
from edgecnn.pipeline.stages.benchmark import RESULT, benchmark_stage
from edgecnn.pipeline.stages.prepare import PrepareParameters
from edgecnn.pipeline.step import AnyStep, Step, StepResult, needed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgecnn.core.config.pipeline import Pipeline
    from edgecnn.core.documents.search import Combination, Space
    from edgecnn.core.store.store import Store
    from edgecnn.pipeline.plan import Attempt, Plan
    from edgecnn.pipeline.search.progress import SearchReporter

Results = dict[str, StepResult]

_NETWORK, _TRAINED = "network", "train"
_REFERENCE = "reference"
_ENDS_THE_SEARCH = (MissingDependency, MachineFault)
"""Errors of the machine; all others are those of a combination."""


@dataclass(frozen=True)
class Trials:
    """Measurement of combinations.

    Attributes:
        pipeline: The pipeline that is searched.
        space: Its search space.
        store: The store of finished steps.
        logs: Directory for the output of vendor code.
        reporter: Receives events.
    """

    pipeline: Pipeline
    space: Space
    store: Store
    logs: Path
    reporter: SearchReporter

    def identity(self) -> dict[str, str]:
        """Return facts, most of them digests, that all processes that work on one study must share.

        Raises:
            MissingDependency: A package or toolchain is missing that a target needs.
            EdgecnnError: A dataset is missing, or the pipeline cannot be planned.
        """
        plan = _plan(derive.original(self.pipeline, self.space, self.space.epochs[-1]))
        for step in plan.steps:
            package_versions(step.stage)
        parameters = [step.parameters for step in plan.steps]
        return {
            "pipeline": digest_json(derive.document(self.pipeline.spec)),
            "data": digest_json([of.content for of in parameters if isinstance(of, PrepareParameters)]),
            "search": digest_json(self.space.to_json()),
            "processor": host().cpu,
        }

    def measure(self, combination: Combination, rung: int, ahead: int) -> Outcome:
        """Measure a combination at a rung.

        Args:
            combination: The combination.
            rung: The rung.
            ahead: Number of wanted combinations at the rung, including this one.

        Raises:
            EdgecnnError: The original network cannot be made, or this machine cannot make any.
        """
        started = time.monotonic()
        baselines = self._baselines
        epochs = 0 if rung == COSTS else self.space.epochs[rung - 1]
        training = f"training of {epochs} epoch{'s' if epochs != 1 else ''}" if epochs else "accuracy"
        title = "size and latency" if rung == COSTS else training
        self.reporter.trial(f"{title}, {ahead} ahead: {combination}")
        original = None
        if rung != COSTS:
            content = derive.original(self.pipeline, self.space, epochs)
            original = self._in_pytorch(content, f"original-{epochs}")
        targets: dict[str, TargetOutcome] = {}
        failed = ""
        try:
            if original is None:
                targets = self._costs(combination, baselines)
            elif rung < len(self.space.epochs):
                targets = self._sketch(combination, epochs)
            else:
                targets = self._final(combination, original, baselines)
        except _ENDS_THE_SEARCH:
            raise
        except EdgecnnError as error:
            failed = error.message
        seconds = round(time.monotonic() - started, 1)
        return Outcome(targets=targets, original=original, failed=failed, seconds=seconds)

    @cached_property
    def _baselines(self) -> Results:
        """Return the original network's float file of each format; its speed does not depend on weights."""
        plan = _plan(derive.with_few_images(derive.original(self.pipeline, self.space, self.space.epochs[0])))
        files = {attempt.target.format: f"lower:{attempt.target.format}" for attempt in _first(plan)}
        self.reporter.trial("the original network")
        results = self._make(needed(_untrained(plan), set(files.values())), "original")
        return {
            _baseline(form): replace(results[step], step=replace(results[step].step, id=_baseline(form)))
            for form, step in files.items()
        }

    def _in_pytorch(self, content: derive.Content, logs: str) -> float:
        """Return the task metric of a trained network in fp32."""
        plan = _plan(content)
        return _accuracy(plan, self._make(needed(plan.steps, {_REFERENCE}), logs))

    def _costs(self, combination: Combination, baselines: Results) -> dict[str, TargetOutcome]:
        """Measure size and latency of the untrained network; the trained network's file is not smaller."""
        plan = _plan(derive.untrained(self.pipeline, self.space, combination))
        attempts = _first(plan)
        files = {attempt.model_file for attempt in attempts} | {
            attempt.step("compile") for attempt in attempts if attempt.target.compile is not None
        }
        steps = needed(_untrained(plan), files) + self._comparisons(attempts)
        results = self._make(steps, f"costs-{_slug(combination)}", baselines)
        return {
            attempt.target.name: TargetOutcome(
                size=AttemptOutputs(plan, attempt, results).size(), latency=_ratio(attempt, results)
            )
            for attempt in attempts
        }

    def _sketch(self, combination: Combination, epochs: int) -> dict[str, TargetOutcome]:
        """Measure the accuracy after a part of the training, in PyTorch, which stands for every target's.

        So a network is trained and evaluated once for all quantizations.
        """
        content = derive.sketch(self.pipeline, self.space, combination, epochs)
        accuracy = self._in_pytorch(content, f"{epochs}-{_slug(combination)}")
        return {name: TargetOutcome(accuracy=accuracy) for name in self.space.budgets}

    def _final(
        self, combination: Combination, original: float, baselines: Results
    ) -> dict[str, TargetOutcome]:
        """Measure everything about the combination as it would ship."""
        floors = self.floors(original)
        plan = _plan(derive.final(self.pipeline, self.space, combination, floors))
        logs = f"full-{_slug(combination)}"
        results = self._execute(plan.steps, logs)
        # No quantization reaches an accuracy that float arithmetic does not.
        if results[_REFERENCE].succeeded and _accuracy(plan, results) >= min(floors.values()):
            while [name for name in plan.attempts if climb(plan, name, results)]:
                results = self._execute(plan.steps, logs, results)
        attempts = [choose_attempt(plan, name, results) for name in plan.attempts]
        results = self._execute(self._comparisons(attempts), logs, results | baselines)
        return {attempt.target.name: _shipping(plan, attempt, results) for attempt in attempts}

    def floors(self, original: float) -> dict[str, float]:
        """Return the smallest task metric of each target for the original network's metric."""
        return {
            name: max(0.0, lowered(original, limits.accuracy_drop))
            for name, limits in self.space.budgets.items()
        }

    def _comparisons(self, attempts: Sequence[Attempt]) -> list[AnyStep]:
        """Return the steps that time each target's file beside the original network's float file."""
        settings = self.pipeline.spec.benchmark or BenchmarkConfig()
        return [
            Step(
                _comparison(attempt),
                benchmark_stage(attempt.target.runtime),
                benchmark_parameters(attempt.target, settings),
                {"model": attempt.model_file, "baseline": _baseline(attempt.target.format)},
                attempt.target.name,
            )
            for attempt in attempts
            if not find_runtime(attempt.target.runtime).simulates
        ]

    def _execute(self, steps: Sequence[AnyStep], logs: str, done: Results | None = None) -> Results:
        return execute(steps, self.store, self.reporter, self.logs / logs, done=done)

    def _make(self, steps: Sequence[AnyStep], logs: str, done: Results | None = None) -> Results:
        """Execute steps, and raise the first error of any."""
        results = self._execute(steps, logs, done)
        for result in results.values():
            if result.error is not None:
                raise result.error
        return results


def _plan(content: derive.Content) -> Plan:
    return make_plan(derive.as_pipeline(content))


def _first(plan: Plan) -> list[Attempt]:
    return [attempts[0] for attempts in plan.attempts.values()]


def _untrained(plan: Plan) -> list[AnyStep]:
    """Return a plan's steps with the untrained network in place of the trained one."""
    other = {_TRAINED: _NETWORK}
    return [
        replace(step, inputs={name: other.get(source, source) for name, source in step.inputs.items()})
        for step in plan.steps
    ]


def _baseline(form: str) -> str:
    return f"original:{form}"


def _comparison(attempt: Attempt) -> str:
    return f"compare:{attempt.target.name}"


def _slug(combination: Combination) -> str:
    return str(combination).replace(", ", "-").replace(" ", "")


def _accuracy(plan: Plan, results: Results) -> float:
    """Return the task metric of PyTorch's outputs."""
    value = AttemptAnswers(AttemptOutputs(plan, _first(plan)[0], results)).accuracy_of(_REFERENCE)
    assert value is not None  # noqa: S101 - there is an evaluation set; tells the type checker
    return value


def _ratio(attempt: Attempt, results: Results) -> Ratio | None:
    result = results.get(_comparison(attempt))
    if result is None or result.entry is None:
        return None
    result.entry.check()
    measured = LatencyRatio.from_json(read_json(result.entry.outputs / RESULT), RESULT)
    return Ratio(ratio=measured.ratio, low=measured.low, high=measured.high)


def _shipping(plan: Plan, attempt: Attempt, results: Results) -> TargetOutcome:
    """Return the measurements of a target's file, with the links and budgets that fail.

    Raises:
        EdgecnnError: There is no file, or it could not be measured.
    """
    outputs = AttemptOutputs(plan, attempt, results)
    compared = results.get(_comparison(attempt))
    error = outputs.error or (None if compared is None else compared.error)
    if error is not None:
        raise error
    links = AttemptAnswers(outputs).links()
    manifest = build_manifest(outputs, links, [])
    broken = [link.message() for link in links if not link.passed]
    return TargetOutcome(
        size=manifest.size_bytes,
        latency=_ratio(attempt, results),
        accuracy=None if manifest.metrics is None else manifest.metrics.value,
        missed=(*broken, *(str(result) for result in manifest.budgets if not result.passed)),
    )
