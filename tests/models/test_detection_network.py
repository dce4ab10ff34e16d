"""Tests that hold for every detection network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from edgecnn.models.detection_network import DetectionNetwork
from edgecnn.models.resolve import resolve_model
from edgecnn.models.weights import write_safetensors
from tests.support.tasks import detector_of

if TYPE_CHECKING:
    from pathlib import Path

# Scores a cell has for each feature map with two classes; SSDLite's six priors have a background too.
DETECTORS: dict[str, tuple[dict[str, float], list[int]]] = {
    "zoo:yolo-nano": ({"width": 0.25}, [2] * 3),
    "zoo:ssdlite320-mobilenetv3-large": ({}, [6 * 3] * 6),
}


@pytest.mark.parametrize("reference", DETECTORS)
def test_weights_for_other_classes_give_all_but_the_scores(reference: str, tmp_path: Path) -> None:
    arguments, channels = DETECTORS[reference]
    sides = {"height": 64, "width": 64}
    torch.manual_seed(0)
    trained, _ = resolve_model(
        reference, arguments=arguments, classes=tuple("abcde"), contract_overrides=sides
    )
    assert isinstance(trained, DetectionNetwork)
    state = trained.state_dict()
    write_safetensors(state, tmp_path / "five.safetensors")
    module, spec = resolve_model(
        reference,
        arguments=arguments,
        classes=("cat", "dog"),
        contract_overrides=sides,
        weights=tmp_path / "five.safetensors",
    )
    assert isinstance(module, DetectionNetwork)
    assert "fresh classifier" in spec.weights
    with torch.inference_mode():
        outputs = module(torch.zeros(1, 3, 64, 64))
    assert [outputs[level.scores].shape[1] for level in detector_of(spec).levels] == channels
    fresh = {f"{layer}.{part}" for layer in module.score_layers() for part in ("weight", "bias")}
    for key, value in module.state_dict().items():
        assert (key in fresh) == (value.shape != state[key].shape), key
        assert key in fresh or torch.equal(value, state[key]), key


@pytest.mark.parametrize("reference", DETECTORS)
def test_weights_for_as_many_classes_are_kept_whole(reference: str, tmp_path: Path) -> None:
    arguments, _ = DETECTORS[reference]
    sides = {"height": 64, "width": 64}
    first, _ = resolve_model(reference, arguments=arguments, classes=("a", "b"), contract_overrides=sides)
    state = first.state_dict()
    write_safetensors(state, tmp_path / "two.safetensors")
    module, spec = resolve_model(
        reference,
        arguments=arguments,
        classes=("cat", "dog"),
        contract_overrides=sides,
        weights=tmp_path / "two.safetensors",
    )
    assert "fresh" not in spec.weights
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
