"""Comparison of one target's measurements with the accepted ones: a row for each value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends.registry import compilers, runtimes
from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.baseline import Fidelity, TargetTerms
from edgecnn.core.documents.metric import find_metric
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import UsageError
from edgecnn.core.store.baseline import calibration_of
from edgecnn.pipeline.regression_metrics import (
    OLDER,
    agreement_tolerance,
    baseline_row,
    row_of_other_images,
    task_metric_rows,
)
from edgecnn.proof.accuracy.paired import LEAST_IMAGES, TOLERANCE
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from edgecnn.core.documents.baseline import TargetBaseline
    from edgecnn.core.documents.check import CheckRow
    from edgecnn.core.documents.manifest import Manifest

COUNTS = ("float_ops", "transposes", "cpu_ops", "subgraphs", "cycles", "sram", "flash", "arena")
"""Deterministic counts, in the order of their rows."""

SAME_FILE = "the same file as the accepted one"
_INSTRUCTIONS, _INSTRUCTION_SHARE = 100, 0.0001
# Beyond this no answer changes; float files reach 120 dB, and their last bits differ from machine to machine.
_AMPLE_DB = 60.0
_RATIOS = {
    "conversion_sqnr_db": "SQNR of link 1",
    "quantization_sqnr_db": "SQNR of link 2",
    "shipping_sqnr_db": "SQNR of link 3",
}


@dataclass(frozen=True)
class Tolerances:
    """The largest differences between baseline and candidate that are not a regression.

    Attributes:
        latency_ratio: Largest ratio of the latencies.
        accuracy: Largest difference of the task metric in either direction, and largest loss of agreement.
        size_bytes: Largest growth of a file, in bytes.
        sqnr_db: Largest loss of a link's signal to quantization noise ratio, in dB. Four calibration sets of
            one size gave ratios up to 2.8 dB apart (``benchmarks/results/calibration-sets.json``).
        least_images: Smallest number of images for a verdict on accuracy.
        seconds: Time limit of an undecided latency comparison.
    """

    latency_ratio: float = 1.02
    accuracy: float = TOLERANCE
    size_bytes: int = 1000
    sqnr_db: float = 3.0
    least_images: int = LEAST_IMAGES
    seconds: float = 30.0

    def __post_init__(self) -> None:
        ratio, loss = self.latency_ratio, self.sqnr_db
        if not (ratio > 0 and 0 <= self.accuracy <= 1 and self.size_bytes >= 0 and loss >= 0):
            raise UsageError(
                f"a latency ratio of {ratio:g}, {self.accuracy:g} of accuracy, {self.size_bytes} bytes and "
                f"{loss:g} dB cannot be tolerances"
            )


def target_rows(manifest: Manifest, accepted: TargetBaseline, tolerances: Tolerances) -> list[CheckRow]:
    """Compare everything but latency.

    Of a file with the accepted bytes and preprocessing, a value that was not measured, or not comparably,
    holds.

    Args:
        manifest: Of the run's artifact.
        accepted: The accepted values of its target.
        tolerances: The allowed differences.
    """
    name, same = manifest.target.name, accepted.is_same(manifest)
    rows = [
        *_terms_rows(manifest, accepted),
        *_preprocessing_rows(manifest, accepted),
        *_calibration_rows(manifest, accepted),
    ]
    rows.append(_size_row(name, accepted, manifest, tolerances))
    more = _count_rows(manifest, accepted)
    accuracy = _accuracy_row(manifest, accepted, tolerances)
    more += [] if accuracy is None else [accuracy]
    more += task_metric_rows(manifest, accepted, least=tolerances.accuracy)
    more += _fidelity_rows(manifest, accepted, tolerances)
    return rows + [_held(row) if same and row.change == "other" else row for row in more]


def count_tolerance(instructions: float) -> float:
    """Return how many instructions more are no regression: 0.01 %, at least 100.

    A count is equal at every start, in every home and for every user, but the order in which a disk lists
    files decides where Python and ONNX Runtime put their own data in memory, which costs up to 100
    instructions of a million.

    >>> count_tolerance(13_000), count_tolerance(5_000_000)
    (100.0, 500.0)
    """
    return max(float(_INSTRUCTIONS), _INSTRUCTION_SHARE * instructions)


def _held(row: CheckRow) -> CheckRow:
    """Return a row as held because the file has the accepted bytes."""
    note = f"{SAME_FILE}; {row.note}" if row.note else SAME_FILE
    return row.model_copy(update={"verdict": Verdict.PASS, "note": note, "change": "measured"})


def _terms_rows(manifest: Manifest, accepted: TargetBaseline) -> list[CheckRow]:
    name = manifest.target.name
    if accepted.terms is None:
        return []
    before, after = accepted.terms.to_json(), TargetTerms.of(manifest).to_json()
    note = "the target was changed: accept it anew"
    return [
        baseline_row(
            *(name, key, Verdict.FAIL, str(after[key])), before=str(before[key]), note=note, change="other"
        )
        for key in after
        if before[key] != after[key]
    ]


def _preprocessing_rows(manifest: Manifest, accepted: TargetBaseline) -> list[CheckRow]:
    """Say which rules of the conversion of images differ: the same file answers otherwise then."""
    name, before, after = manifest.target.name, accepted.preprocessing, manifest.contract
    if before is None:
        return []
    note = "the images are converted otherwise: accept it anew"
    return [
        baseline_row(
            *(name, f"preprocessing.{key}", Verdict.FAIL, str(after.get(key))),
            before=str(before.get(key)),
            note=note,
            change="other",
        )
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]


def _calibration_rows(manifest: Manifest, accepted: TargetBaseline) -> list[CheckRow]:
    before, after = accepted.calibration, calibration_of(manifest)
    if before is None or after is None or manifest.files == accepted.files:
        return []
    fewer = after.images < before.images
    note = "fewer images than the accepted file was calibrated with" if fewer else ""
    if not fewer and after.digest != before.digest:
        note = "other images than before"
    return [
        baseline_row(
            *(manifest.target.name, "calibration images", Verdict.FAIL if fewer else Verdict.PASS),
            str(after.images),
            before=str(before.images),
            note=note,
        )
    ]


def _size_row(name: str, accepted: TargetBaseline, manifest: Manifest, tolerances: Tolerances) -> CheckRow:
    before, after = accepted.measured.value("size"), manifest.measured.value("size")
    if before is None or after is None:
        return baseline_row(name, "size", Verdict.FAIL, "not measured")
    verdict = Verdict.PASS if after <= before + tolerances.size_bytes else Verdict.FAIL
    limit = f"{format_size(before)} + {format_size(tolerances.size_bytes)}"
    note = f"{after - before:+.0f} bytes"
    return baseline_row(
        name, "size", verdict, format_size(after), before=format_size(before), limit=limit, note=note
    )


def _count_rows(manifest: Manifest, accepted: TargetBaseline) -> list[CheckRow]:
    name, before, after = manifest.target.name, accepted.measured, manifest.measured
    rows = []
    for count in COUNTS:
        if before.value(count) is not None or after.value(count) is not None:
            versions = [_counter_version(count, tools) for tools in (accepted.tools, manifest.tools)]
            rows.append(_count_row(name, count, before.value(count), after.value(count), versions))
    emulators = [tools.get("qemu") for tools in (accepted.tools, manifest.tools)]
    return rows + [
        _count_row(
            *(name, f"instructions on {device}", count, after.by("instructions").get(device), emulators),
            tolerance=count_tolerance(count),
        )
        for device, count in before.by("instructions").items()
    ]


def _counter_version(count: str, tools: dict[str, str]) -> str | None:
    """Return the version of the tool that made a count; None if edgecnn itself counted."""
    packages = [record.distribution for record in compilers().values() if count in record.counts]
    packages += [record.distribution for record in runtimes().values() if count in record.counts]
    return next((tools[package] for package in packages if package in tools), None)


def _count_row(
    name: str,
    count: str,
    before: float | None,
    after: float | None,
    versions: list[str | None],
    *,
    tolerance: float = 0.0,
) -> CheckRow:
    """Compare a count: more is a regression, less is not, and other tools are not comparable."""
    if before is None or after is None:
        side = "the baseline" if before is None else "the run"
        note = f"{side} does not have it"
        return baseline_row(name, count, Verdict.FAIL, "not measured", note=note, change="other")
    metric = find_metric(count.partition(" on ")[0])
    was = metric.format(before)
    if versions[0] != versions[1]:
        note = f"counted by version {versions[1]}, the baseline by {versions[0]}: accept it anew"
        return baseline_row(
            name, count, Verdict.FAIL, metric.format(after), before=was, note=note, change="other"
        )
    verdict = Verdict.PASS if metric.holds(after, before + tolerance) else Verdict.FAIL
    limit = f"{was} + {tolerance:.0f}" if tolerance else was
    return baseline_row(name, count, verdict, metric.format(after), before=was, limit=limit)


def _accuracy_row(manifest: Manifest, accepted: TargetBaseline, tolerances: Tolerances) -> CheckRow | None:
    name, before, after = manifest.target.name, accepted.answers, manifest.answers
    if before is None and after is None:
        return None
    task = task_of(manifest.task)
    if before is None or after is None or before.digest != after.digest:
        return row_of_other_images(manifest, accepted, task.metrics[0], least=tolerances.accuracy)
    result = task.compare_answers(
        after, before, tolerance=tolerances.accuracy, least_images=tolerances.least_images
    )
    was, host = f"{100 * result.paired.baseline:.2f} %", manifest.host
    here = "unknown" if host is None else host.isa
    elsewhere = (
        "" if here == accepted.isa else f"; the baseline was measured on {accepted.isa}, the run on {here}"
    )
    row = baseline_row(
        *(name, task.comparison, result.verdict, f"{100 * result.paired.candidate:.2f} %"),
        before=was,
        limit=f"{was} +- {100 * tolerances.accuracy:g}",
        note=result.reason + elsewhere,
        change="better" if result.paired.difference > 0 else "measured",
    )
    undecided = row.verdict is Verdict.INCONCLUSIVE
    return _held(row) if undecided and accepted.is_same(manifest) and before == after else row


def _fidelity_rows(manifest: Manifest, accepted: TargetBaseline, tolerances: Tolerances) -> list[CheckRow]:
    """Compare the links' numbers; values that only one side has are said, and a lost one fails."""
    name, before, after = manifest.target.name, accepted.fidelity, Fidelity.of(manifest)
    if before is None:
        return [
            baseline_row(*(name, check, Verdict.INCONCLUSIVE, text), note=OLDER, change="unknown")
            for check, text in _fidelity_texts(after).items()
        ]
    rows = []
    was, now = _fidelity_texts(before), _fidelity_texts(after)
    for check in dict.fromkeys([*was, *now]):
        if check not in was:
            rows.append(
                baseline_row(name, check, Verdict.INCONCLUSIVE, now[check], note=OLDER, change="unknown")
            )
        elif check not in now:
            note = "the run does not have it"
            rows.append(
                baseline_row(
                    name, check, Verdict.FAIL, "not measured", before=was[check], note=note, change="other"
                )
            )
    rows += _ratio_rows(name, before, after, tolerances.sqnr_db)
    if before.agreement is not None and after.agreement is not None:
        rows.append(_agreement_row(name, before, after, tolerances))
    return rows


def _fidelity_texts(found: Fidelity) -> dict[str, str]:
    """Return every value that is there as text, by the name of its row."""
    texts = {title: getattr(found, field) for field, title in _RATIOS.items()}
    shown = {title: f"{value:.1f} dB" for title, value in texts.items() if value is not None}
    return shown if found.agreement is None else shown | {"agreement": f"{100 * found.agreement:.2f} %"}


def _ratio_rows(name: str, before: Fidelity, after: Fidelity, tolerance: float) -> list[CheckRow]:
    rows = []
    for field, title in _RATIOS.items():
        was, now = getattr(before, field), getattr(after, field)
        if was is None or now is None:
            continue
        held = min(now, _AMPLE_DB) >= min(was, _AMPLE_DB) - tolerance
        rows.append(
            baseline_row(
                *(name, title, Verdict.PASS if held else Verdict.FAIL, f"{now:.1f} dB"),
                before=f"{was:.1f} dB",
                limit=f"{min(was, _AMPLE_DB):.1f} dB - {tolerance:g}",
                note="" if held else "the outputs lost precision, whatever the accuracy says",
            )
        )
    return rows


def _agreement_row(name: str, before: Fidelity, after: Fidelity, tolerances: Tolerances) -> CheckRow:
    was, now = before.agreement or 0.0, after.agreement or 0.0
    images = max(1, min(before.images or 1, after.images or 1))
    tolerance = agreement_tolerance(was, images, tolerances.accuracy)
    held = now >= was - tolerance
    return baseline_row(
        *(name, "agreement", Verdict.PASS if held else Verdict.FAIL, f"{100 * now:.2f} %"),
        before=f"{100 * was:.2f} %",
        limit=f"{100 * was:.2f} % - {100 * tolerance:.2g}",
        note="" if held else f"more answers differ from fp32, of {images} images",
    )
