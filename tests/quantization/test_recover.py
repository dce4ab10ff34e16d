"""Equalization from checkpoint to checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import fx

from edgecnn.core.errors import InputError
from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
from edgecnn.quantization import layer_by_layer, simulate
from edgecnn.quantization.execution import compute
from edgecnn.quantization.files import LAYERS_FILE, NOTES_FILE
from edgecnn.quantization.kernels import Kernels
from edgecnn.quantization.operators import CONVOLUTIONS, LINEAR, is_operator
from edgecnn.quantization.ranges import BLENDS
from edgecnn.quantization.recover import equalize
from edgecnn.quantization.requests import (
    EqualizeParameters,
    EqualizeRequest,
)
from tests.support.doing import what_is_said
from tests.support.quantization_networks import images, network


def _equalize(checkpoint: Path, calibration: Path, out: Path, **changes: Any) -> dict[str, Any]:
    how = EqualizeParameters(Kernels("symmetric"), **{"images": 24, **changes})
    with what_is_said() as heard:
        equalize(EqualizeRequest(checkpoint, calibration, out, how), progress=lambda *_: None)
    assert heard.while_it_was() == " while it was correcting layer classifier.1"
    notes: dict[str, Any] = json.loads((out / NOTES_FILE).read_text())
    return notes


def test_equalization_writes_a_checkpoint_that_computes_nearly_the_same(
    checkpoint: Path, calibration: Path, tmp_path: Path
) -> None:
    notes = _equalize(checkpoint, calibration, tmp_path)
    before, spec = load_checkpoint(checkpoint)
    after, same = load_checkpoint(tmp_path)
    assert same == spec
    with torch.no_grad():
        want, have = before(images(8)), after(images(8))
    assert 0.0 < float((want - have).norm() / want.norm()) < 0.2
    simulated = notes["simulated"]
    assert simulated["with bias correction"]["sqnr_db"] > simulated["plain"]["sqnr_db"]
    assert notes["layers"].keys() >= {"features.0.0", "classifier.1"}
    assert all(count > 0 for count in notes["constant_channels"].values())


def test_the_float_network_is_executed_once_for_everything_that_is_read_from_it(
    checkpoint: Path, calibration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed: dict[str, int] = {}

    def counted(node: fx.Node, values: Any) -> Any:
        result = compute(node, values)
        if is_operator(node, CONVOLUTIONS | LINEAR):
            executed[node.name] = executed.get(node.name, 0) + len(result)
        return result

    for module in (simulate, layer_by_layer):
        monkeypatch.setattr(module, "compute", counted)
    _equalize(checkpoint, calibration, tmp_path)
    count, held_out = 24, 24 // 3
    floats = 3  # before and after equalization, and beside the quantized network while biases are corrected
    quantized = 4  # plain, equalized, while biases are corrected, and the result
    trials = 2 * len(BLENDS) * held_out
    assert set(executed.values()) == {(floats + quantized) * count + trials}


def test_layers_at_the_entry_are_left_in_float_where_that_is_allowed(
    checkpoint: Path, calibration: Path, tmp_path: Path
) -> None:
    notes = _equalize(checkpoint, calibration, tmp_path, entry=3)
    named = json.loads((tmp_path / LAYERS_FILE).read_text())["float_layers"]
    layers = list(notes["layers"])
    assert named == layers[: len(named)]
    assert len(named) <= 3


def test_too_few_images_are_refused(checkpoint: Path, calibration: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 8 calibration images, not 5"):
        _equalize(checkpoint, calibration, tmp_path, images=5)


def test_weights_that_are_not_finite_are_named(calibration: Path, tmp_path: Path) -> None:
    module, spec = network()
    with torch.no_grad():
        module.get_parameter("features.4.conv.2.weight")[0, 0] = float("inf")
    save_checkpoint(tmp_path, module, spec)
    with pytest.raises(InputError, match=r"features\.4\.conv\.2\.weight holds a value that is not finite"):
        _equalize(tmp_path, calibration, tmp_path)


def test_images_of_another_size_are_refused(checkpoint: Path, calibration: Path, tmp_path: Path) -> None:
    module, spec = load_checkpoint(checkpoint)
    larger = spec.model_copy(update={"contract": spec.contract.with_size(64, 64)})
    save_checkpoint(tmp_path, module, larger)
    with pytest.raises(
        InputError, match="calibration images of 32x32x3 do not fit the network's input of 64x64x3"
    ):
        _equalize(tmp_path, calibration, tmp_path)
