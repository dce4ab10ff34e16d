"""Comparison of a run with an accepted baseline: every worse value is a regression."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends.registry import compilers, find_runtime, runtimes
from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.check import CheckRow
from edgecnn.core.documents.metric import find_metric
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.baseline import (
    Baseline,
    TargetBaseline,
    baseline_artifact,
    classes_digest,
    read_baseline,
)
from edgecnn.devices.registry import LOCAL, timed_device
from edgecnn.proof.accuracy.paired import LEAST_IMAGES, TOLERANCE
from edgecnn.proof.latency.artifacts import artifact_opener
from edgecnn.proof.latency.latency_test import Effort, compare_latency
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from edgecnn.core.documents.host import Host
    from edgecnn.core.documents.manifest import Manifest
    from edgecnn.core.store.manifest import Artifact

_INSTRUCTIONS, _INSTRUCTION_SHARE = 100, 0.0001
COUNTS = ("float_ops", "transposes", "cpu_ops", "subgraphs", "cycles", "sram", "flash", "arena")
"""Deterministic counts, in the order of their rows."""


@dataclass(frozen=True)
class Tolerances:
    """The largest differences between baseline and candidate that are not a regression.

    Attributes:
        latency_ratio: Largest ratio of the latencies.
        accuracy: Largest difference of the task metric, in either direction.
        size_bytes: Largest growth of a file, in bytes.
        least_images: Smallest number of images for a verdict on accuracy.
        seconds: Time limit of an undecided latency comparison.
    """

    latency_ratio: float = 1.02
    accuracy: float = TOLERANCE
    size_bytes: int = 1000
    least_images: int = LEAST_IMAGES
    seconds: float = 30.0

    def __post_init__(self) -> None:
        if not self.latency_ratio > 0 or not 0 <= self.accuracy <= 1 or self.size_bytes < 0:
            raise UsageError(
                f"a latency ratio of {self.latency_ratio:g}, {self.accuracy:g} of accuracy and "
                f"{self.size_bytes} bytes cannot be tolerances"
            )


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

    def compare(self, artifacts: dict[str, Artifact]) -> list[CheckRow]:
        """Compare every target of a run with the accepted target.

        Args:
            artifacts: The run's artifacts by target.

        Raises:
            InputError: The baseline has another model or schema, or its artifact is missing.
            WorkerError: A runtime crashed, timed out or ran out of memory.
        """
        baseline = read_baseline(self.file)
        rows: list[CheckRow] = []
        for name, artifact in artifacts.items():
            _require_same_model(baseline, self.file, artifact.manifest)
            accepted = baseline.targets.get(name)
            if accepted is None:
                rows.append(_row(name, "accepted", Verdict.FAIL, "not in the baseline", None, "accept it"))
                continue
            rows += _target_rows(artifact.manifest, accepted, self.tolerances)
            if self.latency and not find_runtime(artifact.manifest.target.runtime).simulates:
                kept = baseline_artifact(baseline, self.file, name)
                rows.append(_latency_row(artifact, kept, self.tolerances, self.device))
        missing = baseline.targets.keys() - artifacts.keys() if len(artifacts) > 1 else set()
        rows += [_row(name, "made", Verdict.FAIL, "in the baseline only", None) for name in sorted(missing)]
        return rows


def _require_same_model(baseline: Baseline, file: Path, manifest: Manifest) -> None:
    if baseline.name != manifest.name:
        raise InputError(
            f"{file} is the baseline of {baseline.name!r}, the run is of {manifest.name!r}",
            hint="give the baseline of this model, or accept the run as a new one",
        )
    if baseline.classes != classes_digest(manifest):
        raise InputError(
            f"{file} is the baseline of {baseline.name!r} with other classes than the run has",
            hint="accept the run as a new baseline",
        )


def _target_rows(manifest: Manifest, accepted: TargetBaseline, tolerances: Tolerances) -> list[CheckRow]:
    name, before, after = manifest.target.name, accepted.measured, manifest.measured
    rows = [_size_row(name, before.value("size"), after.value("size"), tolerances)]
    for count in COUNTS:
        if before.value(count) is not None or after.value(count) is not None:
            versions = [_counter_version(count, tools) for tools in (accepted.tools, manifest.tools)]
            rows.append(_count_row(name, count, before.value(count), after.value(count), versions))
    emulators = [tools.get("qemu") for tools in (accepted.tools, manifest.tools)]
    rows += [
        _count_row(
            *(name, f"instructions on {device}", count, after.by("instructions").get(device), emulators),
            tolerance=count_tolerance(count),
        )
        for device, count in before.by("instructions").items()
    ]
    accuracy = _accuracy_row(manifest, accepted, tolerances)
    return [*rows, accuracy] if accuracy is not None else rows


def _counter_version(count: str, tools: dict[str, str]) -> str | None:
    """Return the version of the tool that made a count; None if edgecnn itself counted."""
    packages = [record.distribution for record in compilers().values() if count in record.counts]
    packages += [record.distribution for record in runtimes().values() if count in record.counts]
    return next((tools[package] for package in packages if package in tools), None)


def _size_row(name: str, before: float | None, after: float | None, tolerances: Tolerances) -> CheckRow:
    if before is None or after is None:
        return _row(name, "size", Verdict.FAIL, "not measured", None)
    verdict = Verdict.PASS if after <= before + tolerances.size_bytes else Verdict.FAIL
    limit = f"{format_size(before)} + {format_size(tolerances.size_bytes)}"
    return _row(name, "size", verdict, format_size(after), limit, f"{after - before:+.0f} bytes")


def count_tolerance(instructions: float) -> float:
    """Return how many instructions more are no regression: 0.01 %, at least 100.

    A count is equal at every start, in every home and for every user, but the order in which a disk lists
    files decides where Python and ONNX Runtime put their own data in memory, which costs up to 100
    instructions of a million.

    >>> count_tolerance(13_000), count_tolerance(5_000_000)
    (100.0, 500.0)
    """
    return max(float(_INSTRUCTIONS), _INSTRUCTION_SHARE * instructions)


def _count_row(
    name: str,
    count: str,
    before: float | None,
    after: float | None,
    versions: list[str | None] | None = None,
    *,
    tolerance: float = 0.0,
) -> CheckRow:
    """Compare a count: more is a regression, less is not, and other tools are not comparable."""
    if before is None or after is None:
        side = "the baseline" if before is None else "the run"
        return _row(name, count, Verdict.FAIL, "not measured", None, f"{side} does not have it")
    metric = find_metric(count.partition(" on ")[0])
    if versions is not None and versions[0] != versions[1]:
        note = f"counted by version {versions[1]}, the baseline by {versions[0]}: accept it anew"
        return _row(name, count, Verdict.FAIL, metric.format(after), None, note)
    verdict = Verdict.PASS if metric.holds(after, before + tolerance) else Verdict.FAIL
    allowed = f" + {tolerance:.0f}" if tolerance else ""
    return _row(name, count, verdict, metric.format(after), f"{metric.format(before)}{allowed}")


def _accuracy_row(manifest: Manifest, accepted: TargetBaseline, tolerances: Tolerances) -> CheckRow | None:
    name, before, after = manifest.target.name, accepted.answers, manifest.answers
    if before is None and after is None:
        return None
    if before is None or after is None or before.digest != after.digest:
        note = "the baseline has other images: accept it anew"
        return _row(name, "accuracy", Verdict.FAIL, "not comparable", None, note)
    task = task_of(manifest.task)
    result = task.compare_answers(
        after, before, tolerance=tolerances.accuracy, least_images=tolerances.least_images
    )
    elsewhere = _machine_note(manifest.host, accepted)
    return _row(
        name,
        task.comparison,
        result.verdict,
        f"{100 * result.paired.candidate:.2f} %",
        f"{100 * result.paired.baseline:.2f} % +- {100 * tolerances.accuracy:g}",
        result.reason + elsewhere,
    )


def _machine_note(host: Host | None, accepted: TargetBaseline) -> str:
    """Return a note if the baseline's outputs come from other kernels than the run's."""
    here = "unknown" if host is None else host.isa
    return "" if here == accepted.isa else f"; the baseline was measured on {accepted.isa}, the run on {here}"


def _latency_row(artifact: Artifact, accepted: Artifact, tolerances: Tolerances, device: str) -> CheckRow:
    name = artifact.manifest.target.name
    limit = artifact.manifest.target.budgets.baseline_latency_ratio or tolerances.latency_ratio
    with tempfile.TemporaryDirectory(prefix="edgecnn-check-") as folder, timed_device(device) as where:
        log = Path(folder) / "worker.log"
        result = compare_latency(
            artifact_opener(artifact, log, where),
            artifact_opener(accepted, log, where),
            limit=limit,
            effort=Effort(seconds=tolerances.seconds),
        )
    note = (
        f"interval {result.low:.3f} to {result.high:.3f} after {result.rounds} rounds in "
        f"{result.processes} pairs of processes, {result.seconds:.0f} s"
    )
    return _row(name, "latency", result.verdict, f"{result.ratio:.3f}", f"{limit:.3g}", note)


def _row(
    target: str, check: str, verdict: Verdict, measured: str, limit: str | None, note: str = ""
) -> CheckRow:
    return CheckRow(
        target=target,
        kind="baseline",
        check=check,
        verdict=verdict,
        measured=measured,
        limit=limit,
        note=note,
    )
