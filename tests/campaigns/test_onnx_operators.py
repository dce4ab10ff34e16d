"""Files of one operator with drawn settings, opsets and shapes, computed by the importer and ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from edgecnn.models.imported.onnx_file import REFUSALS
from edgecnn.models.imported.operators import OPERATORS
from tests.campaigns.onnx_inputs import OPSETS, Draw
from tests.campaigns.onnx_table import TABLE
from tests.campaigns.report import Recorder, main
from tests.support.onnx_operators import compare, imported_answer, of_image

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

TRIES = 40
"""Most files of an operator that are drawn until one is read."""

_CONSTANTS = "Constant"
_OURS = "Silu"


@dataclass(frozen=True)
class OperatorFile:
    """A drawn file.

    Attributes:
        model: The model; its inputs are those of its one node.
        values: Their values by name.
        moving: Names of those that come from the image.
        outputs: Names of its outputs.
    """

    model: onnx.ModelProto
    values: dict[str, Array]
    moving: list[str]
    outputs: list[str]


def draw_file(operator: str, random: Random) -> OperatorFile:
    """Draw a file of one node; it need not be valid."""
    kind = TABLE[operator]
    opset = random.choice([opset for opset in OPSETS if kind.since <= opset <= kind.until])
    draw = Draw(random, opset, {})
    for name, setting in kind.settings.items():
        if setting.since <= opset <= setting.until and draw.chance(0.7):
            value = random.choice(setting.values)
            if value is not None:
                draw.attributes[name] = value
    inputs = kind.inputs(draw)
    outputs = [f"y{place}" for place in range(draw.attributes.pop("outputs", 1))]
    while inputs[-1] is None:
        inputs.pop()
    names = ["" if item is None else f"x{place}" for place, item in enumerate(inputs)]
    values = {name: np.asarray(item.value) for name, item in zip(names, inputs, strict=True) if item}
    able = [name for name, item in zip(names, inputs, strict=True) if item and item.moves]
    moving = [name for name in able if draw.chance(0.7)] or able[:1]
    node = helper.make_node(operator, names, outputs, name="drawn", **draw.attributes)
    graph = helper.make_graph(
        [node],
        "drawn",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in values.items()
        ],
        [],
    )
    for name in outputs:  # a Cast, which makes float32 of any type, also takes float32
        graph.node.append(helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT))
        graph.output.append(helper.make_tensor_value_info(f"{name}_float", TensorProto.FLOAT, None))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return OperatorFile(model, values, moving, [f"{name}_float" for name in outputs])


def runtime_answer(model: onnx.ModelProto, image: Array) -> list[Array] | None:
    """Return what ONNX Runtime answers without optimization; None if the model is not valid."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        answer: list[Array] = session.run(None, {session.get_inputs()[0].name: image})
    except REFUSALS:
        return None
    return answer


def try_file(recorder: Recorder, operator: str, number: int, seed: int) -> str:
    """Draw a file and try it; return ``invalid``, ``refused``, ``read``, or ``wrong``, which is recorded."""
    file = draw_file(operator, Random(f"{seed} {number}"))  # noqa: S311  chooses test files
    model, image = of_image(file.model, file.values, file.moving)
    want = runtime_answer(model, image)
    if want is None or any(part.size == 0 for part in want):
        return "invalid"
    node, outcome = " ".join(str(file.model.graph.node[0]).split()), "wrong"
    with recorder.attempt(f"file {number} of seed {seed}: opset {file.model.opset_import[0].version} {node}"):
        have = imported_answer(model, image, file.outputs)
        outcome = "refused" if isinstance(have, str) else "read"
        recorder.count(outcome)
        if isinstance(have, str):
            assert "drawn" in have, f"the refusal does not name the node: {have}"
        else:
            compare(have, want)
    return outcome


def drawn_operators(recorder: Recorder, count: int, seed: int) -> None:
    """Draw files, the operators in turn, until ``count`` of them are valid."""
    names, number, valid = sorted(TABLE), -1, 0
    while valid < count:
        number += 1
        valid += try_file(recorder, names[number % len(names)], number, seed) != "invalid"


def test_every_operator_that_is_claimed_is_drawn() -> None:
    assert OPERATORS.keys() - TABLE.keys() == {_CONSTANTS, _OURS}
    assert TABLE.keys() <= OPERATORS.keys()


def test_drawn_operators_are_read_rightly_or_refused() -> None:
    recorder = Recorder("ONNX operators")
    for operator in TABLE:
        outcomes = (try_file(recorder, operator, number, seed=1) for number in range(TRIES))
        assert "read" in outcomes, f"an importer that refuses every {operator} proves nothing"
    recorder.result().check()


@pytest.mark.slow
def test_more_drawn_operators_are_read_rightly_or_refused() -> None:
    recorder = Recorder("ONNX operators")
    drawn_operators(recorder, 600, seed=2)
    recorder.result().check()


if __name__ == "__main__":
    main("ONNX operators", drawn_operators, count=2000)
