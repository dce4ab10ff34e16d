"""The end of a target: link 4, budgets, and the artifact, which exists only if everything held."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.errors import BudgetMissed, EdgecnnError, VerificationFailed
from edgecnn.pipeline.assemble import Parts
from edgecnn.runtimes.registry import simulator
from edgecnn.store.manifest import Artifact, Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.config.target import Target
    from edgecnn.measure.budgets import BudgetResult
    from edgecnn.measure.verification import Link
    from edgecnn.pipeline.plan import Plan
    from edgecnn.pipeline.step import StepResult


@dataclass(frozen=True)
class TargetResult:
    """What became of one target.

    Attributes:
        target: Its name.
        artifact: Directory of the artifact: under ``artifacts`` if it ships, under ``rejected`` if a budget
            or link 4 held it back, None if it was never made.
        manifest: The artifact's manifest, where there is one.
        error: Why it does not ship.
    """

    target: str
    artifact: Path | None
    manifest: Manifest | None
    error: EdgecnnError | None

    @property
    def ships(self) -> bool:
        """Whether every link and every budget held."""
        return self.error is None

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data, with the manifest's most wanted values on top."""
        document: dict[str, Any] = {
            "target": self.target,
            "ships": self.ships,
            "artifact": None if self.artifact is None else str(self.artifact),
            "error": None if self.error is None else self.error.to_json(),
        }
        if self.manifest is not None:
            document |= {
                "size_bytes": self.manifest.size_bytes,
                "precision": self.manifest.precision,
                "verification": self.manifest.verification,
                "metrics": self.manifest.metrics,
                "latency": self.manifest.latency,
                "npu": {key: value for key, value in self.manifest.npu.items() if key != "layers"},
                "simulated_by": simulator(self.manifest.target.runtime),
                "memory_bytes": self.manifest.runtime["memory_bytes"],
                "budgets": self.manifest.budgets,
            }
        return document


def publish(
    plan: Plan, target: Target, results: dict[str, StepResult], artifacts: Path, rejected: Path
) -> TargetResult:
    """Judge a target whose steps are done and write its artifact where it belongs.

    Args:
        plan: The plan that was executed.
        target: The target.
        results: What became of every step.
        artifacts: Directory of an artifact that ships.
        rejected: Directory of one that does not; kept for ``inspect`` and ``eval``.
    """
    error = _first_error(plan, target, results)
    _remove(artifacts)
    _remove(rejected)
    if error is not None:
        return TargetResult(target.name, None, None, error)
    parts = Parts(plan, target, results)
    links = parts.links()
    manifest, budgets = parts.manifest(links)
    error = _verdict(target, links, budgets)
    directory = artifacts if error is None else rejected
    artifact = Artifact.publish(parts.files(), manifest, directory)
    return TargetResult(target.name, artifact.directory, manifest, error)


def _first_error(plan: Plan, target: Target, results: dict[str, StepResult]) -> EdgecnnError | None:
    """Return the first error among the steps that the target needs."""
    for step in plan.steps:
        error = results[step.id].error
        if error is not None and (step.target == target.name or _concerns(plan, step.id, target)):
            return error
    return None


def _concerns(plan: Plan, step: str, target: Target) -> bool:
    """Whether a shared step stands somewhere before the target's own."""
    needed: set[str] = set()
    for item in reversed(plan.steps):
        if item.target == target.name or item.id in needed:
            needed |= {*item.inputs.values(), *item.after}
    return step in needed


def _verdict(target: Target, links: list[Link], budgets: list[BudgetResult]) -> EdgecnnError | None:
    broken = next((link for link in links if not link.passed), None)
    missed = [str(result) for result in budgets if not result.passed]
    if missed:
        return BudgetMissed(
            f"{target.name}: {'; '.join(missed)}",
            hint="the file is kept under 'rejected'; change the budget, the training or the quantization",
        )
    if broken is not None:
        return VerificationFailed(f"{target.name}: {broken.message()}")
    return None


def _remove(directory: Path) -> None:
    if directory.is_dir():
        shutil.rmtree(directory)
