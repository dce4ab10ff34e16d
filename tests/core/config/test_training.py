from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from edgecnn.core.config.training import TrainSettings


def test_defaults_and_json_round_trip() -> None:
    transfer = {"frozen": ["features"], "unfreeze": {"1": ["features"]}}
    settings = TrainSettings.model_validate({"epochs": 3, "transfer": transfer})
    assert TrainSettings.model_validate_json(settings.model_dump_json()) == settings
    assert settings.transfer.unfreeze == {1: ("features",)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "greater than or equal to 1"),
        ({"lr": 0.1}, "Extra inputs are not permitted"),
        ({"optimizer": {"name": "adam"}}, "'adamw' or 'sgd'"),
        ({"optimizer": {"lr": 0}}, "greater than 0"),
        ({"optimizer": {"lr": "nan"}}, "finite number"),
        ({"ema": 1.0}, "less than 1"),
        ({"batch_norm_momentum": 1.5}, "less than or equal to 1"),
        ({"warmup_epochs": 2}, "leaves nothing of 2 epochs"),
        ({"transfer": {"unfreeze": {2: ["x"]}}}, "names epoch 2, but there are 2"),
        ({"transfer": {"frozen": [""]}}, "at least 1 character"),
        ({"augment": {"pad_crop": 1, "resized_crop": 0.5}}, "exclude each other"),
        ({"augment": {"randaugment": {"magnitude": 31}}}, "less than or equal to 30"),
        ({"device": "tpu"}, "'auto', 'cpu' or 'cuda'"),
    ],
)
def test_wrong_settings_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainSettings(**{"epochs": 2, **changes})
