"""What has no int8 form in TFLite: the tensor or the operation, and what to use instead."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from edgecnn.backends.network import try_network
from edgecnn.backends.tflite.lower import lower_network
from edgecnn.backends.tflite.nominal import quantize_nominally
from edgecnn.backends.tflite.refusals import require_ranges
from edgecnn.core.errors import InputError
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract

SPEC = ModelSpec(builder="python:nets:Net", contract=Contract(height=32, width=32), classes=("a", "b"))


class AtLeast(nn.Module):
    """Values with a floor that is a tensor."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return torch.maximum(values, torch.tensor([[0.1, 0.2]]))


def float_file(folder: Path, *layers: nn.Module) -> Path:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), *layers)
    return lower_network(try_network(network.eval(), SPEC), folder / "model.tflite")


def test_an_operation_that_the_quantizer_refuses_is_named(tmp_path: Path) -> None:
    file = float_file(tmp_path, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2), AtLeast())
    with pytest.raises(InputError, match=r"cannot be quantized: .* \(MAXIMUM in output\)") as found:
        quantize_nominally(file, tmp_path / "int8.tflite")
    assert "as clamp does" in (found.value.hint or "")


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [(["a", "b"], "output b is a constant or holds whole numbers"), (["a", "a"], "returns one tensor twice")],
)
def test_outputs_without_a_range_are_refused(outputs: list[str], reason: str) -> None:
    require_ranges(Path("model.tflite"), ["a"], ["a"])
    with pytest.raises(InputError, match=reason) as found:
        require_ranges(Path("model.tflite"), outputs, ["a"])
    assert found.value.hint
