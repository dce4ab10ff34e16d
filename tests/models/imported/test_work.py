"""Files and networks that ask for too many multiply-accumulates are refused before anything is executed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError
from edgecnn.models.build import build
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.imported.work import MOST_MACS, macs_of
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue

SIDE = 3200
WIDE = 255
MIDDLE = [WIDE // 2] * 4

HEAVY: dict[str, tuple[list[onnx.NodeProto], dict[str, Any]]] = {
    "Conv": (
        [helper.make_node("Conv", ["m", "k"], ["y"], pads=MIDDLE)],
        {"k": np.ones((4, 4, WIDE, WIDE), np.float32)},
    ),
    "ConvTranspose": (
        [helper.make_node("ConvTranspose", ["m", "k"], ["y"], pads=MIDDLE)],
        {"k": np.ones((4, 4, WIDE, WIDE), np.float32)},
    ),
    "MaxPool": ([helper.make_node("MaxPool", ["m"], ["y"], kernel_shape=[999, 999], pads=[499] * 4)], {}),
    "AveragePool": (
        [helper.make_node("AveragePool", ["m"], ["y"], kernel_shape=[999, 999], pads=[499] * 4)],
        {},
    ),
    "MatMul": (
        [
            helper.make_node("Reshape", ["m", "square"], ["a"]),
            helper.make_node("MatMul", ["a", "a"], ["y"]),
        ],
        {"square": np.array([6400, 6400])},
    ),
    "Gemm": (
        [
            helper.make_node("Reshape", ["m", "square"], ["a"]),
            helper.make_node("Gemm", ["a", "a"], ["y"], transA=1),
        ],
        {"square": np.array([6400, 6400])},
    ),
}
"""Operations on a map ``m`` ``[1, 4, 3200, 3200]``, and their constants."""

_BODY = helper.make_graph(
    [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["a", "a"], ["b"])],
    "body",
    [
        helper.make_tensor_value_info("n", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 4, SIDE, SIDE]),
    ],
    [
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 4, SIDE, SIDE]),
    ],
)
HEAVY |= {
    "Einsum": (
        [
            helper.make_node("Reshape", ["m", "square"], ["a"]),
            helper.make_node("Einsum", ["a", "a"], ["y"], equation="ij,jk->ik"),
        ],
        {"square": np.array([6400, 6400])},
    ),
    "LSTM": (
        [
            helper.make_node("Reshape", ["m", "steps"], ["a"]),
            helper.make_node("LSTM", ["a", "i", "r"], ["y"], hidden_size=1024),
        ],
        {
            "steps": np.array([SIDE * SIDE // 250, 1, 1000]),
            "i": np.ones((1, 4096, 1000), np.float32),
            "r": np.ones((1, 4096, 1024), np.float32),
        },
    ),
    "Loop": (
        [helper.make_node("Loop", ["often", "", "m"], ["y"], body=_BODY)],
        {"often": np.array(2**62)},
    ),
}


def write_file(file: Path, nodes: list[onnx.NodeProto], constants: dict[str, Any], *, times: int = 1) -> Path:
    """Write a convolution, its map made large, and operations on it that compute ``y``."""
    enlarge = helper.make_node("Resize", ["c", "", "s"], ["m"], mode="nearest")
    values = {
        "w": np.ones((4, 3, 1, 1), np.float32),
        "s": np.array([1, 1, SIDE // 16, SIDE // 16], np.float32),
        **constants,
    }
    last = nodes[-1].op_type
    more = [helper.make_node(last, nodes[-1].input, [f"z{number}"]) for number in range(times - 1)]
    for node in more:
        node.attribute.extend(nodes[-1].attribute)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["c"]), enlarge, *nodes, *more],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return file


@pytest.mark.parametrize("operator", HEAVY)
def test_a_file_of_much_work_is_refused_at_once(tmp_path: Path, operator: str) -> None:
    nodes, constants = HEAVY[operator]
    file = write_file(tmp_path / "net.onnx", nodes, constants, times=1 if "Conv" in operator else 20)
    started = time.monotonic()
    with pytest.raises(
        InputError,
        match=rf"{operator} [yz][0-9]* brings the multiply-accumulates .* the limit is 4 \* 10\^12",
    ) as found:
        import_onnx(file)
    assert found.value.hint
    assert time.monotonic() - started < 10


def spec_of(
    side: int, operator: str, weights: dict[str, list[int]] | None = None, **settings: Any
) -> ModelSpec:
    node: JsonValue = {
        "operator": operator,
        "name": "n",
        "inputs": ["i"],
        "outputs": ["o"],
        "attributes": settings,
        "weights": {name: [*shape] for name, shape in (weights or {}).items()},
    }
    graph: JsonValue = {"input": "i", "outputs": ["o"], "nodes": [node]}
    return ModelSpec(
        builder="onnx:net", contract=Contract(side, side), classes=("a",), arguments={"graph": graph}
    )


FROM_A_SPEC: dict[str, ModelSpec] = {
    "Conv": spec_of(SIDE, "Conv", {"weight": [4, 3, WIDE, WIDE]}, pads=MIDDLE),
    "MaxPool": spec_of(SIDE, "MaxPool", kernel_shape=[999, 999], pads=[499] * 4),
    "AveragePool": spec_of(SIDE, "AveragePool", kernel_shape=[999, 999], pads=[499] * 4),
    "AveragePool that counts its padding": spec_of(
        4096,
        "AveragePool",
        kernel_shape=[2001, 2001],
        dilations=[2, 2],
        pads=[1000, 1000, 1001, 1001],
        size=[4096, 4096],
        counted=[0, 0, 0, 0],
    ),
}


@pytest.mark.parametrize("what", FROM_A_SPEC)
def test_a_graph_in_a_spec_of_much_work_is_refused_at_once(what: str) -> None:
    started = time.monotonic()
    with pytest.raises(InputError, match="the limit is"):
        build(FROM_A_SPEC[what])
    assert time.monotonic() - started < 10


def test_the_limit_leaves_room_for_the_largest_networks() -> None:
    # A U-Net for 2048 x 2048 pixels: at each of five sizes, two convolutions of 3 x 3 down and two up.
    unet = sum(
        4 * macs_of("Conv", [], [channels, channels, 3, 3], [1, channels, side, side])
        for channels, side in ((64, 2048), (128, 1024), (256, 512), (512, 256), (1024, 128))
    )
    assert unet * 1.2 < MOST_MACS
