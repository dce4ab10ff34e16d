"""The end of a target: its judgement by link 4 and budgets, and its artifact, which ships if all held."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgecnn.backends.registry import simulator
from edgecnn.backends.worker.isa import foreign
from edgecnn.core.documents.metric import find_metric
from edgecnn.core.documents.run import ErrorReport, MadeTarget, TargetSummary
from edgecnn.core.errors import BudgetMissed, EdgecnnError, VerificationFailed
from edgecnn.core.files import remove
from edgecnn.core.store.manifest import Artifact
from edgecnn.pipeline.attempt_answers import AttemptAnswers
from edgecnn.pipeline.attempt_outputs import AttemptOutputs
from edgecnn.pipeline.hints import hint_of
from edgecnn.pipeline.ladder import choose_attempt, float_misses, judge_ladder
from edgecnn.pipeline.manifest_builder import build_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgecnn.core.config.target import Target
    from edgecnn.core.documents.budget import BudgetResult
    from edgecnn.core.documents.ladder import RungResult
    from edgecnn.core.documents.manifest import Manifest
    from edgecnn.pipeline.plan import Plan
    from edgecnn.pipeline.step import StepResult


@dataclass(frozen=True)
class TargetResult:
    """The result of one target.

    Attributes:
        target: Its name.
        artifact: Directory of the artifact: under ``artifacts`` if it ships, under ``rejected`` if a budget
            or link 4 failed, None if it was never made.
        manifest: The artifact's manifest, if there is one.
        error: Reason why it does not ship.
    """

    target: str
    artifact: Path | None
    manifest: Manifest | None
    error: EdgecnnError | None

    @property
    def ships(self) -> bool:
        """Return whether every link and every budget held."""
        return self.error is None

    @property
    def isa_note(self) -> str:
        """Return a note on the figures if the file was quantized for another instruction set."""
        manifest = self.manifest
        if (
            manifest is None
            or manifest.host is None
            or manifest.target.precision != "int8"
            or simulator(manifest.target.runtime)
        ):
            return ""
        return foreign(manifest.target.isa, manifest.host.isa)

    @property
    def summary(self) -> TargetSummary:
        """Return the result with the most used values of the manifest."""
        manifest = self.manifest
        artifact = None if self.artifact is None else str(self.artifact)
        error = None if self.error is None else ErrorReport.from_json(self.error.to_json())
        if manifest is None:
            return TargetSummary(target=self.target, ships=self.ships, artifact=artifact, error=error)
        npu = manifest.npu
        return MadeTarget(
            target=self.target,
            ships=self.ships,
            artifact=artifact,
            error=error,
            manifest_digest=manifest.manifest_digest,
            size_bytes=manifest.size_bytes,
            precision=manifest.precision,
            verification=manifest.verification,
            metrics=manifest.metrics,
            latency=manifest.latency,
            ladder=manifest.ladder,
            isa_note=self.isa_note,
            npu=None if npu is None else npu.without_layers(),
            simulated_by=simulator(manifest.target.runtime),
            memory_bytes={} if manifest.runtime is None else manifest.runtime.memory_bytes,
            budgets=manifest.budgets,
            warnings=manifest.warnings,
        )


@dataclass(frozen=True)
class Judgement:
    """What has become of a target before its artifact is written.

    Attributes:
        outputs: The outputs of the attempt that was chosen.
        manifest: The manifest of the artifact; None if a step failed.
        error: Reason why it does not ship.
    """

    outputs: AttemptOutputs
    manifest: Manifest | None
    error: EdgecnnError | None

    @property
    def result(self) -> TargetResult:
        """The result of the target as long as nothing is published."""
        return TargetResult(self.outputs.target.name, None, self.manifest, self.error)


def judge_target(plan: Plan, target: Target, results: Mapping[str, StepResult]) -> Judgement:
    """Judge a target whose steps are done.

    Args:
        plan: The plan.
        target: The target.
        results: Results of all steps that the target needs.
    """
    outputs = AttemptOutputs(plan, choose_attempt(plan, target.name, results), results)
    if outputs.error is not None:
        return Judgement(outputs, None, outputs.error)
    links = AttemptAnswers(outputs).links()
    ladder = judge_ladder(plan, target.name, results)
    manifest = build_manifest(outputs, links, ladder)
    return Judgement(outputs, manifest, _verdict(manifest, float_misses(plan, outputs.attempt, results)))


def publish(judged: Judgement, artifacts: Path, rejected: Path) -> TargetResult:
    """Write the artifact of a target.

    The artifact of an earlier run stays until the new one is whole. One that was rejected now, or could not
    be made, leaves none under ``artifacts``, and the other way round.

    Args:
        judged: The judgement of the target.
        artifacts: Directory for artifacts that ship.
        rejected: Directory for those that do not; kept for ``inspect`` and ``eval``.
    """
    if judged.manifest is None:
        remove(artifacts)
        remove(rejected)
        return judged.result
    directory, other = (artifacts, rejected) if judged.error is None else (rejected, artifacts)
    artifact = Artifact.publish(judged.outputs.files(), judged.manifest, directory)
    remove(other)
    return replace(judged.result, artifact=artifact.directory, manifest=artifact.manifest)


def _verdict(manifest: Manifest, float_missed: list[BudgetResult]) -> EdgecnnError | None:
    """Return the error of an artifact that does not ship: a missed budget, its precision, a broken link."""
    name = manifest.target.name
    broken = next((link for link in manifest.verification if not link.passed), None)
    missed = [result for result in manifest.budgets if not result.passed]
    if missed:
        reasons = "; ".join(map(str, missed)) + _float_note(float_missed) + _tried(manifest.ladder)
        return BudgetMissed(f"{name}: {reasons}", hint=hint_of(missed, float_missed, manifest))
    wanted = manifest.target.precision
    if manifest.precision not in _PRECISIONS[wanted]:
        return VerificationFailed(
            f"{name}: the file computes in {manifest.precision}, and the target says {wanted}",
            hint="`edgecnn inspect` lists the operations of the file, which is kept under 'rejected'",
        )
    return None if broken is None else VerificationFailed(f"{name}: {broken.message()}")


_PRECISIONS = {"fp32": ("fp32",), "fp16": ("fp16",), "int8": ("int8", "mixed")}
"""Precisions that a file may have, by that of its target; how much of int8 may be float is a budget."""


def _float_note(missed: list[BudgetResult]) -> str:
    """Return the budgets that the float network itself misses."""
    if not missed:
        return ""
    found = ", ".join(
        f"{result.name} {find_metric(result.name).format(result.measured or 0)}" for result in missed
    )
    return f"; the float network itself has {found}, so no further rung was tried"


def _tried(ladder: list[RungResult]) -> str:
    """Return the loss of every rung, if there was more than one."""
    if len(ladder) == 1:
        return ""
    words = [
        f"{result.rung} {'failed' if result.drop is None else f'{result.drop:+.2%}'}" for result in ladder
    ]
    return f"; no rung of the ladder was enough, drop with {', '.join(words)}"
