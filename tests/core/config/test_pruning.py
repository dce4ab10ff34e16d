from __future__ import annotations

import pytest
from pydantic import ValidationError

from edgecnn.core.config.pruning import PruneSettings
from edgecnn.core.config.training import AugmentSettings, TrainSettings, TransferSettings


def test_goals_are_written_short_or_long() -> None:
    assert PruneSettings.model_validate({"macs": "50 %"}).macs == 0.5
    short = PruneSettings.model_validate({"size": "300 kB"})
    assert (short.goal, short.goal_target) == ("size", None)
    assert short.size is not None
    assert short.size.limit == 300_000
    long = PruneSettings.model_validate({"size": {"limit": "300 kB", "target": "tflite-int8"}})
    assert long.goal_target == "tflite-int8"
    timed = PruneSettings.model_validate({"latency": {"target": "onnx-int8", "ratio": 0.6}})
    assert (timed.goal, timed.goal_target) == ("latency", "onnx-int8")


def test_prunings_share_one_schedule() -> None:
    settings = PruneSettings(macs=0.5, steps=3, step_epochs=2, epochs=10)
    assert [settings.window(step) for step in (1, 2, 3)] == [(0, 2), (2, 4), (4, 10)]
    assert PruneSettings(macs=0.5, epochs=4).window(1) == (0, 4)


def test_what_is_not_said_is_as_in_the_training() -> None:
    train = TrainSettings(
        epochs=30,
        batch_size=64,
        augment=AugmentSettings(flip=True),
        transfer=TransferSettings(frozen=("features",)),
    )
    settings = PruneSettings(macs=0.5, epochs=2, lr=1e-4).training(train)
    assert (settings.batch_size, settings.augment.flip) == (64, True)
    assert (settings.epochs, settings.optimizer.lr) == (2, 1e-4)
    assert settings.transfer.frozen == ()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "exactly one of macs, params, size, latency is needed, and none is given"),
        ({"macs": 0.5, "params": 0.5}, "macs and params are given"),
        ({"macs": 0}, "greater than 0"),
        ({"macs": 1}, "less than 1"),
        ({"macs": "half"}, "not a fraction"),
        ({"size": "300 ms"}, "not a size"),
        ({"latency": {"target": "onnx-int8", "ratio": 1.5}}, "less than 1"),
        ({"latency": {"ratio": 0.5}}, "Field required"),
        ({"macs": 0.5, "importance": "l3"}, "taylor"),
        ({"macs": 0.5, "multiple": 0}, "greater than or equal to 1"),
        ({"macs": 0.5, "epochs": 4, "steps": 3, "step_epochs": 2}, "3 steps of 2 epochs leave nothing of 4"),
        ({"macs": 0.5, "epochs": 0, "steps": 2}, "leave nothing of 0"),
        ({"macs": 0.5, "epochs": 1, "warmup_epochs": 1}, "leaves nothing of 1 epochs"),
        ({"macs": 0.5, "epochs": 0, "control": True}, "need epochs"),
        ({"macs": 0.5, "distill": {"weight": 0}}, "so the teacher has no effect"),
        ({"macs": 0.5, "sparsity": 0.5}, "Extra inputs"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PruneSettings.model_validate(wrong)
