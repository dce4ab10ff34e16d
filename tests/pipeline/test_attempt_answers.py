"""The answers of an attempt on the evaluation set, from outputs that are written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgecnn.pipeline.attempt_answers import AttemptAnswers
from edgecnn.pipeline.attempt_outputs import AttemptOutputs
from edgecnn.pipeline.stages import evaluate, reference
from edgecnn.pipeline.stages.outputs import write_outputs
from tests.support import tiny_models as tiny
from tests.support.plans import plan_document
from tests.support.stages import prepare_tiny
from tests.support.tiny_steps import finished, outputs_of, record_again

IMAGES = 12


def answers_of(folder: Path, pictures: Path, *, evaluated: bool) -> AttemptAnswers:
    """Return the answers of an attempt whose file is wrong about the first three of twelve images."""
    data = {"train": str(pictures), **({"eval": str(pictures)} if evaluated else {})}
    plan = plan_document(
        {
            "model": {"name": "zoo:mobilenetv2"},
            "data": data,
            "targets": {"onnx-fp32": None},
            "benchmark": None,
        }
    )
    ((attempt,),) = plan.attempts.values()
    results = finished(plan, folder)
    if evaluated:
        prepare_tiny(outputs_of(results, "prepare:eval"), IMAGES)
        right = tiny.expected(tiny.images(IMAGES)).astype(np.float32)
        write_outputs(outputs_of(results, "reference") / reference.EVAL, [right])
        shipped = right.copy()
        shipped[:3] = -right[:3]  # the smallest answer becomes the largest
        folder = outputs_of(results, attempt.step("evaluate"))
        write_outputs(folder, [shipped])
        took = {"images": IMAGES, "seconds": 2.0, "images_per_second": 6.0, "peak_bytes": 99}
        (folder / evaluate.RESULT).write_text(json.dumps(took))
        record_again(results, "prepare:eval", "reference", attempt.step("evaluate"))
    return AttemptAnswers(AttemptOutputs(plan, attempt, results))


def test_link_4_and_the_metrics_count_the_same_answers(picture_folder: Path, tmp_path: Path) -> None:
    answers = answers_of(tmp_path, picture_folder, evaluated=True)
    links = answers.links()
    assert [link.number for link in links] == [1, 4]
    metrics = answers.metrics(links)
    assert metrics is not None
    assert (metrics.metric, metrics.value, metrics.fp32, metrics.n) == ("top1", 0.75, 1.0, IMAGES)
    assert metrics.drop == pytest.approx(0.25)
    assert (metrics.unpruned, metrics.unpruned_drop, metrics.peak_bytes) == (None, None, 99)
    values = answers.task_values(metrics)
    assert (values["accuracy"], values["accuracy_drop"]) == (0.75, metrics.drop)
    assert answers.accuracy_of("reference") == 1.0
    assert answers.accuracy_of("a step that is not in the plan") is None
    paired = answers.paired()
    assert paired is not None
    assert paired.images == IMAGES


def test_without_an_evaluation_set_there_are_links_1_to_3_only(picture_folder: Path, tmp_path: Path) -> None:
    answers = answers_of(tmp_path, picture_folder, evaluated=False)
    links = answers.links()
    assert [link.number for link in links] == [1]
    assert answers.metrics(links) is None
    assert answers.task_values(None) == {}
    assert (answers.budget_values(), answers.paired(), answers.accuracy_of("reference")) == ({}, None, None)
