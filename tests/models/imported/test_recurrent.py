"""Recurrent layers: the weights of ONNX's order in torch's, and what torch's layers lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from edgecnn.core.errors import InputError
from edgecnn.models.imported.graph import ImportedNode
from edgecnn.models.imported.recurrent import ResetBefore, recurrent
from tests.support.onnx_writer import SIZE, Writer, answers_alike, integers, weights

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN = 5
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def sequence_net(file: Path, operator: str, directions: int, **settings: Any) -> Path:
    """Write a network that reads the columns of an image one after another, as readers of text do."""
    writer = Writer()
    maps = writer.add("ReduceMean", writer.conv("images", 3, 4), axes=[2], keepdims=0)
    steps = writer.add("Transpose", maps, perm=[2, 0, 1])
    rows = GATES[operator] * HIDDEN
    shapes = [(directions, rows, 4), (directions, rows, HIDDEN), (directions, 2 * rows)]
    every, *_ = writer.add(
        operator, steps, *(writer.constant(weights(*shape)) for shape in shapes), count=2,
        hidden_size=HIDDEN, **settings,
    )  # fmt: skip
    ordered = writer.add("Transpose", every, perm=[2, 0, 1, 3])
    flat = writer.add("Reshape", ordered, writer.constant(integers(0, SIZE * directions * HIDDEN)))
    return writer.save(file, flat)


@pytest.mark.parametrize("operator", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_a_layer_answers_as_its_file_does(operator: str, direction: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"linear_before_reset": 1} if operator == "GRU" else {}
    file = sequence_net(
        tmp_path / "net.onnx", operator, 1 + (direction == "bidirectional"), direction=direction, **settings
    )
    answers_alike(file)


def test_a_gru_that_resets_first(tmp_path: Path) -> None:
    answers_alike(sequence_net(tmp_path / "net.onnx", "GRU", 1))
    layer = ResetBefore(2, 3)
    steps, last = layer(torch.rand(4, 2, 2), None)
    assert steps.shape == (4, 2, 3)
    assert torch.equal(steps[-1], last[0])


@pytest.mark.parametrize(
    ("operator", "settings", "reason"),
    [
        ("LSTM", {"activations": ["Sigmoid", "Relu", "Tanh"]}, "activations are sigmoid,relu,tanh"),
        ("LSTM", {"clip": 1.0}, "clip is set"),
        ("GRU", {"direction": "bidirectional"}, "linear_before_reset is 0 in two directions"),
    ],
)
def test_what_torch_lacks_is_refused(
    operator: str, settings: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    file = sequence_net(tmp_path / "net.onnx", operator, 1 + ("direction" in settings), **settings)
    with pytest.raises(InputError, match=reason):
        answers_alike(file)


def test_weights_of_another_layer_are_refused() -> None:
    shapes: dict[str, tuple[int, ...]] = {"layer.weight_ih_l0": (4, 3), "layer.weight_hh_l0": (4, 3)}
    node = ImportedNode(operator="LSTM", name="n", inputs=("x",), outputs=("y",), weights=shapes)
    with pytest.raises(InputError, match="4 rows for 3 values of the state"):
        recurrent(node)
