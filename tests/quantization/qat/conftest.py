"""A small MobileNetV3 that has learnt to tell pictures apart, trained for int8 once a session."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from edgecnn.core.config.qat import DistillSettings, QatSettings
from edgecnn.core.config.training import AugmentSettings, OptimizerSettings, TrainSettings
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.resolve import resolve_model
from edgecnn.ondevice.contract import Contract
from edgecnn.quantization.qat.extract import Extraction, extract
from edgecnn.quantization.qat.training import Data, Trained, train_network
from edgecnn.tasks.classification.training import ClassificationTraining
from tests.conftest import picture
from tests.support.training import train_classifier as train

if TYPE_CHECKING:
    from edgecnn.models.spec import ModelSpec
    from edgecnn.training.progress import TrainProgress

SIZE, CLASSES = 32, ("bars", "disc", "slope")
CONTRACT = Contract(height=SIZE, width=SIZE)
BASE = TrainSettings(
    epochs=6,
    batch_size=32,
    seed=3,
    optimizer=OptimizerSettings(lr=0.003),
    batch_norm_momentum=0.3,
    augment=AugmentSettings(flip=True),
)
QAT = QatSettings(epochs=2, lr=0.001, ema=0.9, distill=DistillSettings(weight=0.5))


def silent(_: TrainProgress) -> None:
    """Report nothing."""


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Bars, discs and slopes with noise: images to train, to evaluate and to calibrate with."""
    folder = tmp_path_factory.mktemp("qat-data")

    def prepared(name: str, count: int, seed: int) -> PreparedSet:
        images = np.stack([picture(index % 3, seed + index, SIZE, SIZE) for index in range(count)])
        return PreparedSet.write(
            folder / name,
            images,
            np.arange(count, dtype=np.int64) % 3,
            classes=CLASSES,
            names=tuple(f"{name} {index}" for index in range(count)),
            contract=CONTRACT,
        )

    train_set, eval_set = prepared("train", 256, 0), prepared("eval", 48, 5000)
    return Data(
        train_set,
        prepared("calibration", 24, 9000),
        task=lambda settings: ClassificationTraining(train_set, eval_set, settings),
    )


@pytest.fixture(scope="session")
def evaluation(data: Data) -> PreparedSet:
    """The images to evaluate with."""
    return PreparedSet.open(data.train.directory.parent / "eval")


@dataclass(frozen=True)
class Network:
    """A trained float network."""

    module: nn.Module
    spec: ModelSpec


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, data: Data) -> Network:
    """A MobileNetV3-Small of a quarter of the width, trained in float; tests must not change it."""
    torch.manual_seed(0)
    module, spec = resolve_model(
        "zoo:mobilenetv3-small",
        arguments={"width": 0.25, "stem_stride": 1},
        classes=CLASSES,
        contract_overrides={"height": SIZE, "width": SIZE},
    )
    train(module, data.train, None, BASE, scratch=tmp_path_factory.mktemp("float"), progress=silent)
    return Network(module, spec)


@pytest.fixture(scope="session")
def quantized(tmp_path_factory: pytest.TempPathFactory, trained: Network, data: Data) -> Trained:
    """The network trained for int8, as its training left it."""
    scratch = tmp_path_factory.mktemp("quantized")
    return train_network(trained.module, data, QAT, BASE, quantized=True, scratch=scratch, progress=silent)


@pytest.fixture(scope="session")
def extraction(quantized: Trained, trained: Network, data: Data) -> Extraction:
    """The results of the training for int8."""
    return extract(quantized.network, trained.module, data.calibration)


@pytest.fixture
def module(trained: Network) -> nn.Module:
    """A copy of the trained network, to change."""
    return copy.deepcopy(trained.module)
