"""Comparison of a run with an accepted baseline: every worse value is a regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_runtime
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import InputError
from edgecnn.core.kept_log import temporary_folder
from edgecnn.core.store.baseline import baseline_artifact, classes_digest, read_baseline
from edgecnn.devices.registry import LOCAL, timed_device
from edgecnn.pipeline.regression_metrics import baseline_row
from edgecnn.pipeline.regression_rows import SAME_FILE, Tolerances, target_rows
from edgecnn.proof.latency.artifacts import artifact_opener
from edgecnn.proof.latency.latency_test import Effort, compare_latency

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from edgecnn.core.documents.baseline import Baseline, TargetBaseline
    from edgecnn.core.documents.check import CheckRow
    from edgecnn.core.documents.manifest import Manifest
    from edgecnn.core.store.manifest import Artifact


@dataclass(frozen=True)
class BaselineComparison:
    """Comparison of a run's targets with an accepted baseline.

    Attributes:
        file: File of the baseline.
        tolerances: The allowed differences.
        latency: Whether candidate and baseline are timed in turns.
        device: Device on which both are timed.
    """

    file: Path
    tolerances: Tolerances
    latency: bool = True
    device: str = LOCAL

    def compare(
        self, artifacts: dict[str, Artifact], wanted: Collection[str] | None = None
    ) -> list[CheckRow]:
        """Compare every target of a run with the accepted target.

        Args:
            artifacts: The run's artifacts by target.
            wanted: Targets of the baseline that the run must have; None means all of them.

        Raises:
            InputError: The baseline has another model or schema, or its artifact is missing.
            WorkerError: A runtime crashed, timed out or ran out of memory.
        """
        baseline = read_baseline(self.file)
        rows = [] if baseline.checksum else [_unprotected(self.file)]
        for name, artifact in artifacts.items():
            require_comparable(baseline, self.file, artifact.manifest)
            accepted = baseline.targets.get(name)
            if accepted is None:
                note = _renamed(artifact.manifest, baseline) or "accept it"
                rows.append(
                    baseline_row(
                        name, "accepted", Verdict.FAIL, "not in the baseline", note=note, change="new"
                    )
                )
                continue
            rows += target_rows(artifact.manifest, accepted, self.tolerances)
            if self.latency and not find_runtime(artifact.manifest.target.runtime).simulates:
                rows.append(self._latency_row(artifact, baseline, accepted))
        expected = (
            baseline.targets if wanted is None else [name for name in baseline.targets if name in wanted]
        )
        return rows + [
            baseline_row(
                *(name, "made", Verdict.FAIL, "in the baseline only"),
                note="the run lacks this target; --only TARGET checks some targets on purpose",
                change="gone",
            )
            for name in expected
            if name not in artifacts
        ]

    def _latency_row(self, artifact: Artifact, baseline: Baseline, accepted: TargetBaseline) -> CheckRow:
        target = artifact.manifest.target
        limit = target.budgets.baseline_latency_ratio or self.tolerances.latency_ratio
        same_threads = accepted.terms is None or accepted.terms.threads == target.threads
        if accepted.is_same(artifact.manifest) and same_threads:
            return baseline_row(
                target.name, "latency", Verdict.PASS, "not timed", limit=f"{limit:.3g}", note=SAME_FILE
            )
        kept = baseline_artifact(baseline, self.file, target.name)
        with (
            temporary_folder("check") as folder,
            timed_device(self.device) as where,
        ):
            result = compare_latency(
                artifact_opener(artifact, folder, where),
                artifact_opener(kept, folder, where),
                limit=limit,
                effort=Effort(seconds=self.tolerances.seconds),
            )
        note = (
            f"interval {result.low:.3f} to {result.high:.3f} after {result.rounds} rounds in "
            f"{result.processes} pairs of processes, {result.seconds:.0f} s"
        )
        return baseline_row(
            target.name, "latency", result.verdict, f"{result.ratio:.3f}", limit=f"{limit:.3g}", note=note
        )


def require_comparable(baseline: Baseline, file: Path, manifest: Manifest) -> None:
    """Raise unless a run and a baseline are of one model, with one task and one list of classes.

    Raises:
        InputError: They are not.
    """
    if baseline.name != manifest.name:
        raise InputError(
            f"{file} is the baseline of {baseline.name!r}, the run is of {manifest.name!r}",
            hint="give the baseline of this model, or accept the run as a new one",
        )
    if baseline.task is not None and baseline.task != manifest.task.kind:
        raise InputError(
            f"{file} is the baseline of {baseline.name!r} for {baseline.task}, "
            f"the run is for {manifest.task.kind}",
            hint="accept the run as a new baseline: edgecnn baseline accept RUN --force",
        )
    if baseline.classes != classes_digest(manifest):
        raise InputError(
            f"{file} is the baseline of {baseline.name!r} with other classes than the run has",
            hint="accept the run as a new baseline: edgecnn baseline accept RUN --force",
        )


def _unprotected(file: Path) -> CheckRow:
    note = (
        "an older version wrote it, or somebody removed its checksum: changes would not show; accept it anew"
    )
    return baseline_row(file.name, "checksum of the baseline", Verdict.INCONCLUSIVE, "none", note=note)


def _renamed(manifest: Manifest, baseline: Baseline) -> str:
    """Return a note if the baseline has the same file under another target's name."""
    same = [name for name, accepted in baseline.targets.items() if accepted.files == manifest.files]
    return (
        f"the baseline has the same file as {', '.join(same)}: if it was renamed, accept it" if same else ""
    )
