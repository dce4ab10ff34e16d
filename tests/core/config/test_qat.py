from __future__ import annotations

import pytest
from pydantic import ValidationError

from edgecnn.core.config.qat import QatSettings
from edgecnn.core.config.training import AugmentSettings, TrainSettings, TransferSettings


def test_what_is_not_said_is_as_in_the_training() -> None:
    train = TrainSettings(
        epochs=30,
        batch_size=64,
        seed=9,
        ema=0.999,
        augment=AugmentSettings(flip=True),
        transfer=TransferSettings(frozen=("features",)),
    )
    settings = QatSettings(epochs=2, lr=1e-4).training(train)
    assert (settings.batch_size, settings.seed, settings.augment.flip) == (64, 9, True)
    assert (settings.epochs, settings.optimizer.lr, settings.ema) == (2, 1e-4, None)
    assert settings.transfer.frozen == (), "what was frozen for transfer learning trains for int8"


def test_a_network_that_came_trained_has_defaults() -> None:
    assert QatSettings(epochs=3).training(None).epochs == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"lr": 0},
        {"scheme": "int4"},
        {"freeze_ranges": 1.5},
        {"distill": {"weight": 0}},
        {"distill": {"temperature": -1}},
        {"epochs": 1, "warmup_epochs": 1},
        {"observers": True},
    ],
    ids=str,
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        QatSettings.model_validate(wrong)
