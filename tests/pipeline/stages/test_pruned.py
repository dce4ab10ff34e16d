"""Stage ``pruned``: the report on a pruning, from outputs that are written by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.documents.pruning import BeforeAfter, GroupWidth, PruningReport, PruningStep
from edgecnn.models.spec import ModelSpec
from edgecnn.pipeline.stages import reference
from edgecnn.pipeline.stages.outputs import write_outputs
from edgecnn.pipeline.stages.prune import REPORT
from edgecnn.pipeline.stages.pruned import PRUNED, RESULT, PrunedParameters
from tests.support import tiny_models as tiny
from tests.support.stages import context, prepare_tiny

STEP = PruningStep(
    importance="taylor",
    scope="global",
    multiple=8,
    macs=BeforeAfter(before=1000, after=500),
    params=BeforeAfter(before=100, after=60),
    at_least=False,
    groups=(GroupWidth(name="stem", before=16, after=8),),
)
PARAMETERS = PrunedParameters(goal={"macs": 0.5}, steps=2, epochs=3)


@pytest.fixture
def last(tmp_path: Path) -> Path:
    """The outputs of the last pruning."""
    folder = tmp_path / "last"
    folder.mkdir()
    spec = ModelSpec(builder="zoo:mobilenetv2", contract=tiny.CONTRACT, classes=tuple("abcde"))
    (folder / "spec.json").write_text(json.dumps(spec.to_json()))
    (folder / REPORT).write_text(STEP.model_dump_json())
    return folder


def read(out: Path) -> PruningReport:
    return PruningReport.from_json(json.loads((out / RESULT).read_text()), RESULT)


def test_without_evaluation_images_the_report_is_the_last_pruning_and_its_goal(
    last: Path, tmp_path: Path
) -> None:
    places = context(tmp_path / "stage")
    PRUNED.run({"last": last}, PARAMETERS, places)
    report = read(places.out)
    assert (report.goal, report.steps, report.epochs) == ({"macs": 0.5}, 2, 3)
    assert (report.macs, report.groups) == (STEP.macs, STEP.groups)
    assert (report.accuracy, report.sensitivity) == ({}, None)
    assert places.notes["pruning"] == report.to_json()


def test_every_network_has_its_accuracy_and_its_agreement_with_the_unpruned_one(
    last: Path, tmp_path: Path
) -> None:
    right = tiny.expected(tiny.images(12)).astype(np.float32)
    inputs = {"last": last, "eval": prepare_tiny(tmp_path / "images", 12).directory}
    wrong = right.copy()
    wrong[:3] = -right[:3]  # the smallest answer becomes the largest
    for name, outputs in {"unpruned": right, "pruned": wrong}.items():
        inputs[name] = tmp_path / name
        write_outputs(inputs[name] / reference.EVAL, [outputs])
    places = context(tmp_path / "stage")
    PRUNED.run(inputs, PARAMETERS, places)
    report = read(places.out)
    assert report.metric == "top1"
    assert report.accuracy == {"unpruned": 1.0, "pruned": 0.75}
    assert report.agreement == {"unpruned": 1.0, "pruned": 0.75}
