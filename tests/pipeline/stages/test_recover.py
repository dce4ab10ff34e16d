"""Stages of accuracy recovery, on a small network with calibration images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
from edgecnn.pipeline.stages.recover import ROUND, SENSITIVITY
from edgecnn.quantization.files import GRID_FILE, LAYERS_FILE, NOTES_FILE
from edgecnn.quantization.grids import is_safe
from edgecnn.quantization.kernels import Kernels
from edgecnn.quantization.requests import LayerSensitivityParameters, RoundParameters
from tests.support.quantization_networks import network
from tests.support.stages import context, prepare_pictures


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, *network())
    return folder


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_pictures(tmp_path_factory.mktemp("calibration"), network()[1].contract, 24).directory


def test_rounding_runs_as_a_stage_and_writes_its_grid(
    checkpoint: Path, calibration: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int, str]] = []
    places = context(tmp_path / "stage")
    places.progress = lambda *state: told.append(state)
    parameters = RoundParameters(Kernels("pairs-hwc"), images=16, iterations=20)
    ROUND.run({"checkpoint": checkpoint, "calibration": calibration}, parameters, places)
    module, _ = load_checkpoint(places.out)
    grid = load_file(places.out / GRID_FILE)
    weights = dict(module.named_parameters())
    names = {name.removesuffix(".scale") for name in grid if name.endswith(".scale")}
    assert len(names) == 14
    for name in names:
        weight, scale = grid[f"{name}.weight"], grid[f"{name}.scale"]
        assert np.array_equal(weight, weights[f"{name}.weight"].detach().numpy()), name
        steps = weight / scale.reshape(-1, *(1,) * (weight.ndim - 1))
        assert np.abs(steps - np.rint(steps)).max() < 1e-4, name
        assert is_safe(np.rint(steps), "pairs-hwc", depthwise=weight.shape[1] == 1 and weight.ndim == 4), name
    notes = json.loads((places.out / NOTES_FILE).read_text())
    assert set(notes["layers"]) == names
    assert told[-1][:2] == (17, 17)
    assert places.costs["rounding"]["wall_s"] > 0


def test_sensitivity_runs_as_a_stage(checkpoint: Path, calibration: Path, tmp_path: Path) -> None:
    places = context(tmp_path / "stage")
    parameters = LayerSensitivityParameters(Kernels("symmetric"), images=8, sqnr_db=1000.0, most=2)
    SENSITIVITY.run({"checkpoint": checkpoint, "calibration": calibration}, parameters, places)
    found = json.loads((places.out / LAYERS_FILE).read_text())
    assert found["float_layers"] == [item["name"] for item in found["ranking"][:2]]
    assert (found["enough"], len(found["ranking"])) == (False, 14)
