"""Stages ``qat`` and ``control``: what a training of two steps writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from edgecnn.core.config.qat import QatSettings
from edgecnn.core.config.training import TrainSettings
from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
from edgecnn.pipeline.stages.qat import CONTROL, QAT, QatParameters
from edgecnn.quantization.files import GRID_FILE
from tests.support.mobilenetv2 import mobilenetv2
from tests.support.stages import context, prepare_pictures

PARAMETERS = QatParameters(
    QatSettings(epochs=1, scheme="symmetric"), TrainSettings(epochs=1, batch_size=6, device="cpu")
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("qat")
    module, spec = mobilenetv2("abc", {"stages": [[1, 16, 1, 1]], "width": 0.5})
    (folder / "checkpoint").mkdir()
    save_checkpoint(folder / "checkpoint", module, spec)
    images = prepare_pictures(folder / "images", spec.contract).directory
    return {"checkpoint": folder / "checkpoint", "train": images, "eval": images, "calibration": images}


def test_int8_training_writes_a_checkpoint_on_its_grid(inputs: dict[str, Path], tmp_path: Path) -> None:
    places = context(tmp_path)
    QAT.run(inputs, PARAMETERS, places)
    module, spec = load_checkpoint(places.out)
    assert spec.weights == "trained for int8 by this pipeline"
    grid, weights = load_file(places.out / GRID_FILE), dict(module.named_parameters())
    names = [name.removesuffix(".scale") for name in grid if name.endswith(".scale")]
    assert names, "there is a grid"
    for name in names:
        scale = grid[f"{name}.scale"].reshape(-1, *(1,) * (grid[f"{name}.weight"].ndim - 1))
        steps = weights[f"{name}.weight"].detach().numpy() / scale
        assert np.abs(steps - np.rint(steps)).max() < 1e-3, name
        assert np.abs(steps).max() < 128, name
    assert places.notes.keys() >= {"training", "threads"}


def test_the_control_trains_as_long_without_a_grid(inputs: dict[str, Path], tmp_path: Path) -> None:
    places = context(tmp_path)
    CONTROL.run(inputs, PARAMETERS, places)
    module, spec = load_checkpoint(places.out)
    assert "control of its int8 training" in spec.weights
    assert not (places.out / GRID_FILE).exists()
    before, _ = load_checkpoint(inputs["checkpoint"])
    pairs = zip(before.parameters(), module.parameters(), strict=True)
    assert not all(torch.equal(one, other) for one, other in pairs)
