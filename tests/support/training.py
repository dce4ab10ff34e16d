"""A network and data small enough that a whole training takes a second, as fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from edgecnn.data.prepared import PreparedSet
from edgecnn.ondevice.contract import Contract
from edgecnn.tasks.classification.training import ClassificationTraining
from edgecnn.training.loop import train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.core.config.training import TrainSettings
    from edgecnn.core.documents.training import TrainingSummary

SIZE = 12


@pytest.fixture
def make_set(tmp_path: Path) -> Callable[..., PreparedSet]:
    """Make a prepared set of noisy stripes: class 0 lies, class 1 stands, class 2 is diagonal."""

    def make(
        name: str, count: int = 96, *, channels: int = 3, labels: list[int] | None = None
    ) -> PreparedSet:
        random = np.random.default_rng(len(name))
        kinds = np.arange(count) % 3
        y, x = np.mgrid[0:SIZE, 0:SIZE]
        waves = np.stack([np.sin(y * 1.5), np.sin(x * 1.5), np.sin((x + y) * 1.1)])[kinds]
        noisy = 128 + 60 * waves[..., None] + random.normal(0, 30, (count, SIZE, SIZE, channels))
        return PreparedSet.write(
            tmp_path / name,
            noisy.clip(0, 255).astype(np.uint8),
            np.asarray(kinds if labels is None else labels, np.int64),
            classes=("lies", "stands", "diagonal"),
            names=tuple(f"{name}-{index}.png" for index in range(count)),
            contract=Contract(
                SIZE,
                SIZE,
                "squash",
                color="rgb" if channels == 3 else "gray",
                mean=(128.0,) * channels,
                std=(64.0,) * channels,
            ),
        )

    return make


def small_network(channels: int = 3, classes: int = 3, dropout: float = 0.1) -> nn.Sequential:
    """Build a network with everything that training treats in its own way, always the same weights."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(channels, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()),
        nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(8, classes),
    )


@pytest.fixture
def build() -> Callable[..., nn.Sequential]:
    """The builder of the small network."""
    return small_network


def train_classifier(
    module: nn.Module,
    train_set: PreparedSet,
    eval_set: PreparedSet | None,
    settings: TrainSettings,
    **options: Any,
) -> TrainingSummary:
    """Train a network on the labels of images; the options are those of the loop."""
    return train(module, ClassificationTraining(train_set, eval_set, settings), settings, **options)
