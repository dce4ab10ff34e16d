"""Fixtures of the algorithms' tests: a small network and calibration images as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.data.prepared import PreparedSet
from edgecnn.models.checkpoint import save_checkpoint
from tests.conftest import picture
from tests.support.mobilenetv2 import SIZE
from tests.support.quantization_networks import network


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network as a checkpoint."""
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, *network())
    return folder


@pytest.fixture(scope="session")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 pictures as a prepared set."""
    folder = tmp_path_factory.mktemp("calibration")
    pictures = np.stack([picture(index % 3, index, SIZE, SIZE) for index in range(24)])
    names = tuple(map(str, range(24)))
    contract = network()[1].contract
    PreparedSet.write(folder, pictures, np.arange(24) % 8, classes=(), names=names, contract=contract)
    return folder
