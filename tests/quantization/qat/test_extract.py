from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from edgecnn.quantization.grids import on_grid
from edgecnn.training.batches import to_input

if TYPE_CHECKING:
    from edgecnn.quantization.qat.extract import Extraction
    from edgecnn.quantization.qat.training import Data, Trained
    from tests.quantization.qat.conftest import Network


def test_checkpoint_has_the_structure_of_the_network(trained: Network, extraction: Extraction) -> None:
    shapes = [
        {name: value.shape for name, value in module.state_dict().items()}
        for module in (trained.module, extraction.module)
    ]
    assert shapes[0] == shapes[1]


def test_weights_lie_on_the_grid_that_was_trained(extraction: Extraction) -> None:
    state = extraction.module.state_dict()
    weights = [key for key in extraction.grid if key.endswith(".weight")]
    layers = [name for name, value in state.items() if value.ndim > 1]
    assert sorted(weights) == sorted(layers), "a layer has no grid"
    for key in weights:
        weight, scales = extraction.grid[key], extraction.grid[key.replace(".weight", ".scale")]
        assert torch.equal(state[key], weight), key
        assert torch.equal(on_grid(weight, scales), weight), f"{key} is rounded a second time"


def test_checkpoint_computes_what_the_training_rounded(
    extraction: Extraction, quantized: Trained, data: Data
) -> None:
    images = data.calibration
    batch = to_input(images.images[:], images.contract, torch.device("cpu"))
    with torch.no_grad():
        in_float = extraction.module(batch)
        in_int8 = quantized.network(batch)
    noise = (in_float - in_int8).square().mean() / in_float.square().mean()
    assert noise < 0.05, "rounding activations alone makes the network another one"
    assert (in_float.argmax(1) == in_int8.argmax(1)).all()


def test_fingerprints_are_of_the_checkpoint_in_float(extraction: Extraction, data: Data) -> None:
    images = data.calibration
    seen = extraction.ranges.seen
    assert len(seen) == len(images)
    assert set(extraction.ranges.ranges) == set(seen.names)
    batch = to_input(images.images[:], images.contract, torch.device("cpu"))
    with torch.no_grad():
        logits = extraction.module(batch)
    low, high = logits.amin(1).numpy(), logits.amax(1).numpy()
    distance = np.abs(seen.low - low[:, None]).max(axis=0) + np.abs(seen.high - high[:, None]).max(axis=0)
    assert distance.min() < 1e-4, "no fingerprint is that of the logits"
    pixels = batch.flatten(1)
    assert np.allclose(seen.high[:, 0], pixels.amax(1).numpy()), "the first fingerprint is the input's"
