"""Sizes of the constants that an ONNX file computes, known before they are computed.

Shape inference evaluates some operations on small integers, but does not divide, for example. A constant
whose sizes come from such a value could ask for terabytes, and every operation on it for days of work. So the
operations that can only make small constants of small ones are executed first, one after another, until all
sizes are known; what is still unknown then is refused.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime

from edgecnn.core.errors import InputError
from edgecnn.models.imported.onnx_graph import constant, infer_shapes, link, name_of, proto_of, shape_of
from edgecnn.ondevice.onnx_library import refusals

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import numpy.typing as npt

MOST_VALUES = 1 << 14
"""Most values of a constant that is computed before all sizes are known; more than a detector has anchors."""

_MOST_ROUNDS = 16
_ELEMENTWISE = frozenset(
    {
        *("Abs", "Add", "And", "Cast", "Ceil", "Clip", "Div", "Equal", "Floor", "Greater", "GreaterOrEqual"),
        *("Identity", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pow", "Round"),
        *("Sqrt", "Sub", "Where", "Xor"),
    }
)
_NO_LARGER = frozenset(
    {
        *("Concat", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Slice", "Squeeze"),
        *("Transpose", "Unsqueeze"),
    }
)
"""Operations whose result has at most as many values as all that they read."""

_OF_KNOWN_SIZE = frozenset({"ConstantOfShape", "Expand", "Range", "Split", "Tile"})
"""Operations that are executed only if shape inference knows that their results are small."""


def with_known_sizes(model: ir.Model, name: Path) -> ir.Model:
    """Return a model in which all constants have known sizes; the model itself if it is one.

    Args:
        model: A sorted model with inferred shapes.
        name: Name of its file in messages.

    Raises:
        InputError: The sizes of a constant cannot be known without computing large ones.
    """
    for _ in range(_MOST_ROUNDS):
        unknown = _unknown(model)
        if not unknown:
            return model
        model = link(proto_of(model, name), name)
        if not _compute_small(model):
            break
        model = link(infer_shapes(proto_of(model, name), name, data_prop=True), name)
    (node, *_) = _unknown(model)
    what = f"{node.op_type} {name_of(node.outputs[0]) if node.outputs else node.name}"
    raise InputError(
        f"{name}: the size of the constant {what[:80]} is known only after it was computed",
        hint="replace operations on constants by their results, for example with onnxsim",
    )


def _unknown(model: ir.Model) -> list[ir.Node]:
    """Return the operations that read only constants and whose results have unknown sizes."""
    graphs = (model.graph, *model.graph.subgraphs())
    known = {name_of(value) for graph in graphs for value in graph.initializers.values()}
    found = []
    for node in model.graph.all_nodes():
        reads = [name_of(value) for value in node.inputs if value is not None]
        if node.op_type in ("Shape", "Size") or all(one in known for one in reads):
            known |= {name_of(value) for value in node.outputs}
            if not all(map(_is_known, node.outputs)):
                found.append(node)
    return found


def _is_known(value: ir.Value | None) -> bool:
    return value is not None and value.shape is not None and min(shape_of(value), default=1) >= 0


def _compute_small(model: ir.Model) -> bool:
    """Replace operations by their small constant results, in place; return whether there were any."""
    changed, opset = False, model.graph.opset_imports[""]
    for node in list(model.graph):
        values = _results(node, opset)
        if values is None:
            continue
        made = [
            ir.node("Constant", [], attributes={"value": ir.tensor(value)}, name=f"{node.name}_{place}")
            for place, value in enumerate(values)
        ]
        results = [one.outputs[0] for one in made]
        ir.convenience.replace_nodes_and_values(model.graph, node, [node], made, node.outputs, results)
        changed = True
    return changed


def _results(node: ir.Node, opset: int) -> list[npt.NDArray[Any]] | None:
    """Return the results of an operation on small constants; None if it is none, or they may be large."""
    if node.op_type in ("Shape", "Size") and _is_known(node.inputs[0]):
        sizes = list(shape_of(node.inputs[0]))
        part = sizes[node.attributes.get_int("start", 0) : node.attributes.get_int("end", len(sizes))]
        return [np.array(part if node.op_type == "Shape" else math.prod(sizes), np.int64)]
    given: dict[str, npt.NDArray[Any]] = {}
    for value in node.inputs:
        array = constant(value)
        if value is not None and (array is None or array.size > MOST_VALUES):
            return None
        if value is not None and array is not None:
            given[name_of(value)] = array
    if node.domain or not given or _most_values(node, [*given.values()]) > MOST_VALUES:
        return None
    return _executed(node, given, opset)


def _most_values(node: ir.Node, given: list[npt.NDArray[Any]]) -> float:
    """Return a bound on the number of values of an operation's results; infinite if there is none."""
    most = math.inf
    if node.op_type in _ELEMENTWISE:
        with contextlib.suppress(ValueError):  # shapes that do not go together
            most = math.prod(np.broadcast_shapes(*(array.shape for array in given)))
    elif node.op_type in _NO_LARGER:
        most = sum(array.size for array in given)
    elif node.op_type == "Gather":
        most = math.prod(max(1, array.size) for array in given)
    elif node.op_type == "NonZero":
        most = given[0].size * max(1, given[0].ndim)
    elif node.op_type in _OF_KNOWN_SIZE and all(map(_is_known, node.outputs)):
        most = sum(math.prod(shape_of(value)) for value in node.outputs)
    return most


def _executed(node: ir.Node, given: dict[str, npt.NDArray[Any]], opset: int) -> list[npt.NDArray[Any]] | None:
    """Return the results of an operation in ONNX Runtime; None if it cannot execute it."""
    graph = onnx.helper.make_graph(
        [ir.to_proto(node)],
        "constant",
        [
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in given.items()
        ],
        [onnx.helper.make_empty_tensor_value_info(name_of(value)) for value in node.outputs],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found = session.run(None, given)
    except refusals():
        return None
    return found if all(isinstance(value, np.ndarray) for value in found) else None
