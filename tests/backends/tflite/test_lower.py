"""What is said of a network that TFLite cannot express: the layer, and what to use instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from edgecnn.backends.network import try_network
from edgecnn.backends.tflite.culprit import read_place
from edgecnn.backends.tflite.lower import lower_network
from edgecnn.core.errors import InputError
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract

SPEC = ModelSpec(builder="python:nets:Net", contract=Contract(height=16, width=16), classes=("a", "b"))


def _refusal(module: nn.Module, folder: Path) -> InputError:
    body = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), module)
    network = nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(InputError) as caught:
        lower_network(try_network(network.eval(), SPEC), folder / "model.tflite")
    assert "\n" not in caught.value.message
    return caught.value


def test_an_error_without_an_operator_names_the_layer_and_what_to_use_instead(tmp_path: Path) -> None:
    error = _refusal(nn.ConvTranspose2d(4, 4, 3, 2, 1, dilation=2), tmp_path)
    assert "cannot become TFLite: failed to legalize operation" in error.message
    assert error.message.endswith("(in 0.2, conv_transpose2d)")
    assert ".py" not in error.message, "a place inside a library helps nobody"
    assert "dilation" in (error.hint or "")


@pytest.mark.slow
def test_an_operator_without_a_lowering_has_its_hint(tmp_path: Path) -> None:
    error = _refusal(nn.AdaptiveMaxPool2d(3), tmp_path)
    assert error.message.endswith("(in 0.2)")
    assert "max_pool2d(x, x.shape[2:])" in (error.hint or "")


@pytest.mark.parametrize(
    "message",
    [
        "Failed to run converter passes",
        "/lib/torch/nn/modules/conv.py:1198:0: error: failed to legalize operation",
        'loc("x"): error: no such thing',
    ],
)
def test_an_error_without_a_layer_as_its_place_is_no_answer(message: str) -> None:
    assert read_place(message) is None


def test_the_networks_own_forward_has_an_empty_name() -> None:
    assert read_place("layer <|mul_12>:0:0: error: no: %1 = mhlo") == ("", "mul", "no")
