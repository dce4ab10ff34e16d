"""Stage ``train``: labels that do not fit are refused before anything is trained, and progress is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.config.training import TrainSettings
from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.task import TaskDescription
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.spec import ModelSpec
from edgecnn.pipeline.stages.train import make_task, report
from edgecnn.training.progress import TrainProgress
from tests.support import tiny_models as tiny
from tests.support.stages import context, prepare_tiny

SETTINGS = TrainSettings(epochs=1)
SPEC = ModelSpec(builder="zoo:mobilenetv2", contract=tiny.CONTRACT, classes=tuple("abcde"))


def labelled(folder: Path, label: int) -> PreparedSet:
    pixels = tiny.images(2)
    labels = np.array([0, label])
    return PreparedSet.write(
        folder, pixels, labels, classes=(), names=("good.png", "bad.png"), contract=tiny.CONTRACT
    )


@pytest.mark.parametrize("place", ["train", "eval"])
def test_a_label_beyond_the_classes_is_refused_in_either_set(place: str, tmp_path: Path) -> None:
    good, bad = prepare_tiny(tmp_path / "good"), labelled(tmp_path / "bad", 5)
    sets = (bad, good) if place == "train" else (good, bad)
    with pytest.raises(InputError, match=r"image bad\.png has label 5, but the network has 5 classes"):
        make_task(SPEC, *sets, SETTINGS)


def test_labels_that_fit_give_the_tasks_training(tmp_path: Path) -> None:
    task = make_task(SPEC, prepare_tiny(tmp_path / "train"), prepare_tiny(tmp_path / "eval"), SETTINGS)
    assert task.metric == "top1"


def test_a_task_that_is_not_installed_is_named(tmp_path: Path) -> None:
    spec = SPEC.model_copy(update={"task": TaskDescription(kind="segmentation")})
    with pytest.raises(UsageError, match="segmentation"):
        make_task(spec, prepare_tiny(tmp_path / "train"), None, SETTINGS)


def test_progress_counts_the_steps_of_all_epochs(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    places = context(tmp_path)
    places.progress = lambda done, total, text: told.append((done, total, text))
    state = TrainProgress(
        epoch=2, epochs=5, step=3, steps=10, loss=0.5, lr=0.1, images_per_second=99.6, seconds_left=7.4
    )
    report(places, state)
    assert told == [(23, 50, "epoch 3/5, loss 0.500, 100 images/s, 7 s left")]
