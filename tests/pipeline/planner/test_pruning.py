"""Tests of the steps that a ``prune`` section adds, and of what cannot be planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.config.yaml_source import YamlSource
from edgecnn.core.errors import UsageError
from edgecnn.pipeline.loading import from_source
from edgecnn.pipeline.planner.pruning import channel_multiple, needs_training_images
from tests.support.plans import draw, plan_document


def document(pictures: Path, prune: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a pipeline that trains and prunes."""
    usual: dict[str, Any] = {
        "name": "test",
        "model": {"name": "zoo:mobilenetv2"},
        "data": {"root": str(pictures)},
        "train": {"epochs": 2},
        "prune": prune,
        "targets": {"onnx-int8": {}},
        "benchmark": None,
    }
    return usual | changes


def test_prunings_and_trainings_take_turns(picture_folder: Path) -> None:
    plan = plan_document(document(picture_folder, {"macs": 0.5, "steps": 2, "epochs": 4}))
    assert draw(plan, rows=":1") + draw(plan, rows=":2") == [
        "prune:1 <- checkpoint=train original=train images=prune-images",
        "finetune:1 <- checkpoint=prune:1 train=prepare:train eval=prepare:eval",
        "prune:2 <- checkpoint=finetune:1 original=train images=prune-images",
        "finetune:2 <- checkpoint=prune:2 train=prepare:train eval=prepare:eval",
    ]
    assert plan.checkpoint == "finetune:2"


def test_a_teacher_a_control_and_curves_are_steps_of_their_own(picture_folder: Path) -> None:
    prune = {
        "macs": 0.5,
        "epochs": 4,
        "control": True,
        "scope": "sensitivity",
        "distill": {"features": 1.0},
    }
    lines = draw(plan_document(document(picture_folder, prune)))
    for line in (
        "prune-sensitivity <- checkpoint=train images=prune-images",
        "prune <- checkpoint=train original=train images=prune-images curves=prune-sensitivity",
        "finetune <- checkpoint=prune train=prepare:train eval=prepare:eval teacher=train",
        "prune-control <- checkpoint=train train=prepare:train eval=prepare:eval teacher=train",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("prune", "setting"),
    [
        ({"macs": 0.5, "epochs": 4}, "prune.epochs 4"),
        ({"macs": 0.5, "epochs": 0, "importance": "taylor"}, "prune.importance taylor"),
        ({"macs": 0.5, "epochs": 0, "importance": "l2", "sensitivity": True}, "prune's sensitivity"),
        ({"macs": 0.5, "epochs": 0, "importance": "l2"}, None),
    ],
)
def test_only_settings_that_learn_need_labelled_images(
    picture_folder: Path, prune: dict[str, Any], setting: str | None
) -> None:
    loaded = from_source(YamlSource(document(picture_folder, prune), {}, "test"))
    assert needs_training_images(loaded) == setting


def test_the_speed_of_a_simulator_is_no_goal(picture_folder: Path) -> None:
    prune = {"latency": {"target": "ethos-u55-128", "ratio": 0.5}}
    with pytest.raises(UsageError, match="tosa only simulates ethos-u55-128"):
        plan_document(document(picture_folder, prune, targets={"ethos-u55-128": {}}))


def test_the_multiple_is_that_of_all_targets(picture_folder: Path) -> None:
    targets = {"onnx-int8": {"channel_multiple": 4}, "ethos-u55-128": {}}
    loaded = from_source(YamlSource(document(picture_folder, {"macs": 0.5}, targets=targets), {}, "test"))
    assert loaded.spec.prune is not None
    assert channel_multiple(loaded, loaded.spec.prune) == 16
    for multiple in (1, 32):
        settings = loaded.spec.prune.model_copy(update={"multiple": multiple})
        assert channel_multiple(loaded, settings) == multiple
    with pytest.raises(UsageError, match=r"prune\.multiple 24 is not a multiple of 16"):
        channel_multiple(loaded, loaded.spec.prune.model_copy(update={"multiple": 24}))
