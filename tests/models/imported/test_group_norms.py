"""Group normalization is one operation, however an exporter wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgecnn.models.imported.importer import import_onnx
from tests.support.onnx_writer import SIZE, Writer, answers_alike, integers, weights

if TYPE_CHECKING:
    from pathlib import Path

GROUPS, CHANNELS = 2, 6


@pytest.mark.parametrize("opset", [18, 21])
def test_the_operator_of_onnx(opset: int, tmp_path: Path) -> None:
    writer = Writer()
    size = CHANNELS if opset >= 21 else GROUPS
    scale, bias = writer.constant(weights(size)), writer.constant(weights(size))
    maps = writer.conv("images", 3, CHANNELS)
    out = writer.add("GroupNormalization", maps, scale, bias, num_groups=GROUPS, epsilon=0.1)
    file = writer.save(tmp_path / "net.onnx", writer.add("Relu", out), opset=opset)
    answers_alike(file)
    graph = import_onnx(file).graph
    assert [node.operator for node in graph.nodes] == ["Conv", "GroupNormalization", "Relu"]
    assert graph.nodes[1].weights == {"weight": (CHANNELS,), "bias": (CHANNELS,)}


def written_out(writer: Writer, scale: np.ndarray, ones: np.ndarray) -> str:
    """Write a group normalization as torch's exporter writes it, and return its output."""
    rows = writer.add("Reshape", writer.conv("images", 3, CHANNELS), writer.constant(integers(0, GROUPS, -1)))
    even = writer.add(
        "InstanceNormalization",
        rows,
        writer.constant(ones),
        writer.constant(np.zeros(GROUPS, np.float32)),
    )
    maps = writer.add("Reshape", even, writer.constant(integers(1, CHANNELS, SIZE, SIZE)))
    product = writer.add("Mul", maps, writer.constant(scale))
    return str(writer.add("Add", product, writer.constant(weights(CHANNELS, 1, 1))))


def test_what_torch_s_exporter_writes_is_one_operation(tmp_path: Path) -> None:
    writer = Writer()
    out = written_out(writer, weights(CHANNELS, 1, 1), np.ones(GROUPS, np.float32))
    file = writer.save(tmp_path / "net.onnx", out)
    answers_alike(file)
    assert import_onnx(file).graph.nodes[-1].operator == "GroupNormalization"


@pytest.mark.parametrize(
    ("scale", "ones"),
    [
        (weights(SIZE), np.ones(GROUPS, np.float32)),
        (weights(CHANNELS, 1, 1), np.array([1, 2], np.float32)),
    ],
    ids=["weights of columns", "weights of groups"],
)
def test_what_only_looks_like_it_stays(scale: np.ndarray, ones: np.ndarray, tmp_path: Path) -> None:
    writer = Writer()
    file = writer.save(tmp_path / "net.onnx", written_out(writer, scale, ones))
    answers_alike(file)
    operators = {node.operator for node in import_onnx(file).graph.nodes}
    assert "InstanceNormalization" in operators
