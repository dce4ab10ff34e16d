"""Rows of a comparison with a baseline, and those of the task's further metrics, such as ``class_floor``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgecnn.core.documents.check import Change, CheckRow
from edgecnn.core.documents.metric import ACCURACY, METRICS, Metric, by_name
from edgecnn.core.documents.verdict import Verdict
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from edgecnn.core.documents.baseline import TargetBaseline
    from edgecnn.core.documents.manifest import Manifest

OLDER = "not in the baseline: accept it anew"
_DEVIATIONS = 3.0


def baseline_row(
    target: str,
    check: str,
    verdict: Verdict,
    measured: str,
    *,
    before: str = "",
    limit: str | None = None,
    note: str = "",
    change: Change = "measured",
) -> CheckRow:
    """Return a row of a comparison with a baseline."""
    return CheckRow(
        target=target,
        kind="baseline",
        check=check,
        verdict=verdict,
        measured=measured,
        before=before,
        limit=limit or before or None,
        note=note,
        change=change,
    )


def agreement_tolerance(share: float, images: int, least: float) -> float:
    """Return the largest loss of agreement that is no regression.

    It is three standard deviations of the difference of two shares of that many images, at least ``least``.

    >>> round(agreement_tolerance(0.99, 10_000, 0.005), 4), round(agreement_tolerance(1.0, 100, 0.005), 4)
    (0.005, 0.0424)
    """
    variance = max(share * (1.0 - share), 1.0 / images)
    return max(least, _DEVIATIONS * math.sqrt(2.0 * variance / images))


def row_of_other_images(
    manifest: Manifest, accepted: TargetBaseline, metric: Metric, *, least: float
) -> CheckRow:
    """Compare what the task measured on two sets of images, of which only a clear loss says anything.

    Args:
        manifest: Of the run's artifact.
        accepted: The accepted values of its target.
        metric: The task's first metric.
        least: Smallest difference that is a loss, whatever the number of images.
    """
    was, now = accepted.measured.value(ACCURACY), manifest.measured.value(ACCURACY)
    note, worse = "the baseline has other images: accept it anew", False
    if was is not None and now is not None:
        images = [answers.images for answers in (accepted.answers, manifest.answers) if answers is not None]
        loss = was - now if metric.better == "higher" else now - was
        worse = loss > agreement_tolerance(was, max(1, min(images, default=1)), least)
        note = "clearly worse, though on other images" if worse else note
    return baseline_row(
        *(manifest.target.name, "accuracy", Verdict.FAIL),
        "not measured" if now is None else metric.format(now),
        before="not measured" if was is None else metric.format(was),
        note=note,
        change="measured" if worse else "other",
    )


def task_metric_rows(manifest: Manifest, accepted: TargetBaseline, *, least: float) -> list[CheckRow]:
    """Compare every metric of the task but the first, which is compared image by image.

    A value that only the run has is said; one that only the baseline has fails. Values of other images are
    not compared; the row of the accuracy says so.

    Args:
        manifest: Of the run's artifact.
        accepted: The accepted values of its target.
        least: Smallest difference that is a regression, whatever the number of images.
    """
    name, before, after = manifest.target.name, accepted.measured, manifest.measured
    answers = manifest.answers
    if answers is None or accepted.answers is None or answers.digest != accepted.answers.digest:
        return []
    rows = []
    for metric in _further_metrics(manifest):
        was, now = before.value(metric.name), after.value(metric.name)
        if was is not None and now is not None:
            images = answers.images // (len(manifest.classes) or 1) if metric.of_one_class else answers.images
            rows.append(_metric_row(name, metric, was, now, images=max(1, images), least=least))
        elif now is not None:
            text = metric.format(now)
            rows.append(
                baseline_row(*(name, metric.label, Verdict.INCONCLUSIVE, text), note=OLDER, change="unknown")
            )
        elif was is not None:
            note = "the run does not have it"
            rows.append(
                baseline_row(
                    *(name, metric.label, Verdict.FAIL, "not measured"),
                    before=metric.format(was),
                    note=note,
                    change="other",
                )
            )
    return rows


def _further_metrics(manifest: Manifest) -> list[Metric]:
    """Return the metrics of a task but the first; losses follow from them, and from fp32 PyTorch's."""
    task = task_of(manifest.task)
    of_task = [metric for metric in METRICS.values() if metric.task == manifest.task.kind]
    found = by_name([*of_task, *task.metrics])
    found.pop(task.metrics[0].name, None)
    losses = {f"{name}_drop" for name in found}
    return [metric for name, metric in found.items() if name not in losses]


def _metric_row(name: str, metric: Metric, was: float, now: float, *, images: int, least: float) -> CheckRow:
    loss = was - now if metric.better == "higher" else now - was
    tolerance = 0.0
    if metric.unit == "share":
        tolerance = agreement_tolerance(min(max(was, 0.0), 1.0), images, least)
    elif metric.unit != "count":
        tolerance = least * abs(was)
    held = loss <= tolerance
    sign = "-" if metric.better == "higher" else "+"
    before = metric.format(was)
    of = "a class" if metric.of_one_class else "the set"
    return baseline_row(
        *(name, metric.label, Verdict.PASS if held else Verdict.FAIL, metric.format(now)),
        before=before,
        limit=f"{before} {sign} {metric.format(tolerance)}",
        note="" if held else f"worse than {images} images of {of} explain by chance",
    )
