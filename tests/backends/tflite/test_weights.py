"""Weights of an int8 file put on given scales."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from edgecnn.backends.tflite.weights import layer_weights, put_on_grid
from tests.backends.conftest import Make, sqnr
from tests.backends.tflite.test_quantize import run


def test_given_scales_replace_the_quantizers_and_the_old_weights_go(
    lower: Make, quantize: Make, truth: np.ndarray, pictures: np.ndarray, tmp_path: Path
) -> None:
    floats, native = lower("tflite").file, quantize("tflite").file
    file = tmp_path / native.name
    shutil.copyfile(native, file)
    weights = layer_weights(floats)
    # Half the levels in every layer: as small a change as tells the grids apart.
    scales = {
        name: (np.abs(array).reshape(len(array), -1).max(axis=1) / 63).astype(np.float32)
        for name, array in weights.items()
    }
    put_on_grid(file, floats, scales)
    assert abs(file.stat().st_size - native.stat().st_size) < 2000, (
        "the replaced weights are still in the file"
    )
    before, after = sqnr(truth, run(native, pictures)), sqnr(truth, run(file, pictures))
    assert before - 8 < after < before, "the outputs are not those of weights with one bit less"
