"""A padding with minus infinity becomes one with the lowest value of the range inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgecnn.backends.network import try_network
from edgecnn.backends.tflite.flatbuffer import operator_name, read_model
from edgecnn.backends.tflite.lower import lower_network
from edgecnn.backends.tflite.paddings import infinite_paddings, pad_with_zero_points, with_finite_paddings
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract
from edgecnn.quantization.ranges import Range

SPEC = ModelSpec(builder="python:nets:Net", contract=Contract(height=8, width=8), classes=("a", "b"))


@pytest.fixture(scope="module")
def floating(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    module = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), *head)
    return lower_network(try_network(module.eval(), SPEC), tmp_path_factory.mktemp("padded") / "model.tflite")


def operators(file: Path) -> list[str]:
    model = read_model(file)
    return [operator_name(model, operator) for operator in model.subgraphs[0].operators]


def constants(file: Path) -> list[float]:
    """Return what the paddings of a file pad with."""
    model = read_model(file)
    graph = model.subgraphs[0]
    pads = [operator for operator in graph.operators if operator_name(model, operator) == "PADV2"]
    buffers = [model.buffers[graph.tensors[operator.inputs[2]].buffer] for operator in pads]
    return [float(np.frombuffer(bytes(buffer.data), "<f4")[0]) for buffer in buffers]


def test_each_padding_has_the_lowest_value_of_its_own_range(tmp_path: Path) -> None:
    body = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
    )
    module = nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    file = lower_network(try_network(module.eval(), SPEC), tmp_path / "two.tflite")
    first, second = infinite_paddings(read_model(file))
    content, _ = with_finite_paddings(file, {first.source: Range(-3.0, 1.0), second.source: Range(0.0, 1.0)})
    (tmp_path / "finite.tflite").write_bytes(content)
    assert constants(tmp_path / "finite.tflite") == [-3.0, 0.0]


def test_the_padding_is_found_with_the_tensor_inside(floating: Path) -> None:
    (found,) = infinite_paddings(read_model(floating))
    assert (found.padded, found.source) == ("padv2_0", "conv_2d_0")


@pytest.mark.parametrize(("low", "lowest"), [(-1.5, -1.5), (0.0, 0.0), (0.5, 0.0)])
def test_the_lowest_value_of_the_range_pads(
    floating: Path, tmp_path: Path, low: float, lowest: float
) -> None:
    content, ranges = with_finite_paddings(
        floating, {"conv_2d_0": Range(low, 2.0), "padv2_0": Range(-9.0, 9.0)}
    )
    assert ranges["padv2_0"] == Range(low, 2.0), "a padded tensor has the grid of the tensor inside"
    (tmp_path / "finite.tflite").write_bytes(content)
    model = read_model(tmp_path / "finite.tflite")
    assert infinite_paddings(model) == []
    assert constants(tmp_path / "finite.tflite") == [lowest]


def test_a_file_without_such_a_padding_keeps_its_bytes(floating: Path, tmp_path: Path) -> None:
    content, _ = with_finite_paddings(floating, {"conv_2d_0": Range(-1.0, 1.0)})
    finite = tmp_path / "finite.tflite"
    finite.write_bytes(content)
    assert with_finite_paddings(finite, {})[0] == content


def test_a_float_file_keeps_its_operators(floating: Path) -> None:
    before = floating.read_bytes()
    pad_with_zero_points(floating)
    assert floating.read_bytes() == before
    assert "PADV2" in operators(floating)
