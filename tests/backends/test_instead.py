"""What is said of a network that a format cannot express: the layer, and what to use instead."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from edgecnn.backends.instead import hint_for, refusal
from edgecnn.backends.network import Network, try_network
from edgecnn.backends.onnx import lower as to_onnx
from edgecnn.backends.openvino import lower as to_openvino
from edgecnn.core.errors import InputError
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract

SPEC = ModelSpec(builder="python:nets:Net", contract=Contract(height=32, width=32), classes=("a", "b"))


class Resize(nn.Module):
    """A resize with a filter against aliasing."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(maps, size=(5, 5), mode="bilinear", antialias=True)


class Branch(nn.Module):
    """A way through the network that depends on the image."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps * 2 if maps.sum() > 0 else maps


class Bounds(nn.Module):
    """A clamp of a whole number and a fraction."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.clamp(min=0, max=2.5)


ONNX: dict[str, tuple[nn.Module, str, str]] = {
    "adaptive max": (nn.AdaptiveMaxPool2d(3), "(in 2)", "max_pool2d"),
    "fractional max": (nn.FractionalMaxPool2d(2, output_ratio=0.5), "(in 2)", "MaxPool2d"),
    "clamp": (Bounds(), "(in 2)", "clamp(min=0.0, max=2.0)"),
    "random slope": (nn.RReLU(), "(in 2)", "LeakyReLU"),
    "branch": (Branch(), "data-dependent", "torch.where"),
    "pool": (nn.MaxPool2d(2, 3, 1, ceil_mode=True), "MaxPool", "ceil_mode"),
}
OPENVINO: dict[str, tuple[nn.Module, str, str]] = {
    "resize": (Resize(), "(in 2)", "antialias"),
    "fractional max": (nn.FractionalMaxPool2d(2, output_ratio=0.5), "(in 2)", "MaxPool2d"),
    "branch": (Branch(), "data-dependent", "torch.where"),
    "divisor": (nn.AvgPool2d(3, 2, divisor_override=5), "(in 2)", "divisor_override"),
}


def network(layer: nn.Module) -> Network:
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    return try_network(nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), layer, *head).eval(), SPEC)


def refused(error: InputError, named: str, instead: str) -> None:
    assert len(error.message.splitlines()) == 1
    assert named in error.message
    assert instead in (error.hint or "")


@pytest.mark.parametrize("what", ONNX)
def test_onnx_names_the_layer_and_what_to_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    layer, named, instead = ONNX[what]
    made = network(layer)
    monkeypatch.setattr(to_onnx, "load_network", lambda _: made)
    with pytest.raises(InputError, match="cannot become ONNX") as found:
        to_onnx.lower(tmp_path, tmp_path / "model.onnx")
    refused(found.value, named, instead)


@pytest.mark.parametrize("what", OPENVINO)
def test_openvino_names_the_layer_and_what_to_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    layer, named, instead = OPENVINO[what]
    made = network(layer)
    monkeypatch.setattr(to_openvino, "load_network", lambda _: made)
    with pytest.raises(InputError, match="cannot become OpenVINO IR") as found:
        to_openvino.lower(tmp_path, tmp_path / "model.xml")
    refused(found.value, named, instead)


def test_a_format_may_know_better() -> None:
    error = refusal("It", "no aten.clamp", ["clamp"], {"clamp": "use relu"}, place=" (in a)")
    assert (error.message, error.hint) == ("It: no aten.clamp (in a)", "use relu")


def test_an_unknown_reason_leads_to_the_log() -> None:
    error = refusal("It", "strange", ["strange"], {})
    assert "the log of the step" in (error.hint or "")
    assert hint_for("strange") is None
