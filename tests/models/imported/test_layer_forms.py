"""Weights of layers in the layout of torch, and padding in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.models.imported.importer import import_onnx
from tests.support.onnx_writer import Writer, answers_alike, weights

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.models.imported.graph import ImportedNode


def node_of(
    file: Path, operator: str, *constants: np.ndarray, opset: int = 17, **settings: Any
) -> ImportedNode:
    """Write a network of a convolution, an operation and a ReLU; compare it, and return the operation."""
    writer = Writer()
    maps = writer.conv("images", 3, 6)
    out = writer.add(operator, maps, *map(writer.constant, constants), **settings)
    writer.save(file, writer.add("Relu", out), opset=opset)
    answers_alike(file)
    return import_onnx(file).graph.nodes[1]


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((6, 1, 1), {"weight": (6,)}),
        ((1, 6, 1, 1), {"weight": (6,)}),
        ((1,), {"weight": (1,)}),
        ((32,), {"slope": (32,)}),
        ((6, 32, 1), {"slope": (6, 32, 1)}),
    ],
)
def test_slopes_of_channels_are_those_of_torch(
    shape: tuple[int, ...], wanted: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    node = node_of(tmp_path / "net.onnx", "PRelu", np.abs(weights(*shape)))
    assert node.weights == wanted


@pytest.mark.parametrize(
    ("settings", "pads"),
    [
        ({"strides": [2, 2], "auto_pad": "SAME_UPPER"}, [0, 0, 1, 1]),
        ({"strides": [2, 2], "auto_pad": "SAME_LOWER"}, [1, 1, 0, 0]),
        ({"strides": [2, 2], "output_shape": [64, 63]}, [1, 1, 0, 1]),
        ({"strides": [2, 2], "auto_pad": "VALID"}, None),
        ({"strides": [3, 2], "pads": [0, 1, 1, 0], "output_padding": [2, 1]}, [0, 1, 1, 0]),
    ],
)
def test_padding_of_transposed_convolutions(
    settings: dict[str, Any], pads: list[int] | None, tmp_path: Path
) -> None:
    node = node_of(tmp_path / "net.onnx", "ConvTranspose", weights(6, 4, 3, 3), weights(4), **settings)
    assert node.attributes.get("pads") == pads


def test_an_output_larger_than_its_padding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="larger than its padding allows"):
        node_of(tmp_path / "net.onnx", "ConvTranspose", weights(6, 4, 1, 1), output_shape=[40, 40])


def test_normalizations_of_single_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it normalizes single values"):
        node_of(tmp_path / "net.onnx", "MeanVarianceNormalization", axes=[0])
    node = node_of(tmp_path / "net.onnx", "MeanVarianceNormalization", opset=9)
    assert node.attributes["axes"] == [2, 3], "the one image is no axis of values"


def test_weights_of_a_layer_normalization_have_its_axes(tmp_path: Path) -> None:
    node = node_of(tmp_path / "net.onnx", "LayerNormalization", weights(32, 32), axis=2)
    assert node.weights == {"weight": (32, 32)}
    with pytest.raises(InputError, match=r"shape \[32\], not \[32, 32\]"):
        node_of(tmp_path / "net.onnx", "LayerNormalization", weights(32), axis=2)
