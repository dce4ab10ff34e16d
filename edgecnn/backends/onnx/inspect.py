"""Inspection of an ONNX file by the operations that ONNX Runtime makes of it."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnx_ir as ir
import onnxruntime

from edgecnn.backends.integer_macs import integer_share
from edgecnn.backends.onnx.integer_macs import layer_macs
from edgecnn.backends.onnx.session import open_session, read_model, tensor_infos
from edgecnn.core.documents.inspection import Inspection
from edgecnn.models.imported.onnx_graph import constant, infer_shapes, link, maker, name_of
from edgecnn.models.imported.work import INTEGER

if TYPE_CHECKING:
    from collections.abc import Collection

    from edgecnn.ondevice.tensor import TensorInfo

_MOVES = frozenset(
    {
        "QuantizeLinear",
        "DequantizeLinear",
        "Reshape",
        "Flatten",
        "Transpose",
        "Identity",
        "Squeeze",
        "Unsqueeze",
        "Constant",
        "Cast",
        "Shape",
        "Gather",
        "Slice",
        "Split",
        "Concat",
        "Pad",
    }
)
"""Operations that move values or change their type; all others compute values."""

_OUTPUT_ZERO_POINT = {
    "QuantizeLinear": 2,
    "QLinearConcat": 1,
    "QLinearConv": 7,
    "QLinearMatMul": 7,
    "QGemm": 8,
}
"""Index of the input that decides the output's type, if it is not the first."""

_WITHOUT_ZERO_POINT = {"QuantizeLinear": ir.DataType.UINT8, "QGemm": ir.DataType.FLOAT}
_INTEGER_INSIDE = frozenset({"QGemm"})
"""Operations that compute in integers although their result may be float."""

_PLAIN = (ir.DataType.BOOL, ir.DataType.INT32, ir.DataType.INT64)
_FLOATS = (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.DOUBLE, ir.DataType.BFLOAT16)


def inspect(file: Path) -> Inspection:
    """Return a file's properties and the operations that ONNX Runtime executes for it.

    The operations are those of the runtime's optimized graph, because the file does not show which
    quantize/dequantize pairs become integer kernels. Optimization stops before layouts for a CPU are chosen,
    so that every machine gives the same result.

    Raises:
        InputError: The file is not ONNX, is truncated, or ONNX Runtime rejects it.
    """
    model = read_model(file)
    graph = link(model, file).graph
    nodes = list(_optimized(file))
    computing = [node for node in nodes if node.op_type not in _MOVES]
    float_nodes = [
        node
        for node in computing
        if node.op_type not in _INTEGER_INSIDE and any(value.dtype in _FLOATS for value in node.outputs)
    ]
    return Inspection(
        format="onnx",
        precision=_precision(computing, float_nodes),
        ops=dict(sorted(Counter(node.op_type for node in nodes).items())),
        float_op_names=tuple(map(_name, float_nodes)),
        integer_macs=integer_share(layer_macs(model, file, nodes), len(computing), len(float_nodes)),
        transposes=sum(node.op_type == "Transpose" for node in nodes),
        transpose_names=tuple(_name(node) for node in nodes if node.op_type == "Transpose"),
        inputs=tensor_infos(model.graph.input),
        outputs=tuple(map(_with_step, tensor_infos(model.graph.output), graph.outputs)),
        parameters=_parameters(graph),
        size_bytes=file.stat().st_size,
        details={
            "opset": next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx")),
            "producer": f"{model.producer_name} {model.producer_version}".strip(),
            "file_ops": dict(sorted(Counter(node.op_type for node in graph).items())),
            "optimized_by": f"onnxruntime {onnxruntime.__version__}",
        },
    )


def _name(node: ir.Node) -> str:
    return node.name or name_of(node.outputs[0])


def _with_step(info: TensorInfo, output: ir.Value) -> TensorInfo:
    """Describe an output; a float output that is dequantized in the file gets its scale."""
    dequantize = maker(output, "DequantizeLinear")
    scale = constant(dequantize.inputs[1]) if dequantize else None
    return info if scale is None or scale.ndim else replace(info, scale=float(scale))


def _optimized(file: Path) -> ir.Graph:
    """Return the graph that ONNX Runtime executes, with all element types, before layouts for this CPU."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with tempfile.TemporaryDirectory(prefix="edgecnn-onnx-") as folder:
        written = Path(folder) / "optimized.onnx"
        options.optimized_model_filepath = str(written)
        open_session(file, file, options)
        graph = link(infer_shapes(onnx.load_model(written), file, strict=False), file).graph
    for node in graph:
        for value in node.outputs:
            if not value.dtype:
                value.dtype = _output_type(node)
    return graph


def _output_type(node: ir.Node) -> ir.DataType:
    """Return the output type of the runtime's own operations, which shape inference does not know.

    It is the type of their output zero point, or of their input if they have none.
    """
    if node.op_type == "DequantizeLinear":
        return ir.DataType.FLOAT
    place = _OUTPUT_ZERO_POINT.get(node.op_type, 0)
    value = node.inputs[place] if place < len(node.inputs) else None
    kind = _WITHOUT_ZERO_POINT.get(node.op_type) if value is None else value.dtype
    return kind or ir.DataType.UNDEFINED


def _precision(computing: Collection[ir.Node], float_nodes: Collection[ir.Node]) -> str:
    """Return the precision of the computing operations; float with float16 weights counts as fp16."""
    if any(_is_integer(node) for node in computing if node not in float_nodes) or not float_nodes:
        return "mixed" if float_nodes else "int8"
    read = [value for node in computing for value in node.inputs if value is not None]
    return "fp16" if any(value.dtype == ir.DataType.FLOAT16 for value in read) else "fp32"


def _is_integer(node: ir.Node) -> bool:
    """Return whether an operation computes quantized values, not a comparison or an index."""
    return node.op_type in INTEGER or node.outputs[0].dtype not in _PLAIN


def _parameters(graph: ir.Graph) -> int:
    """Count weights and biases: the constants of computing operations, dequantized or not."""
    read = set()
    for node in graph:
        if node.op_type not in _MOVES and node.op_type != "Clip":
            for value in node.inputs:
                dequantize = maker(value, "DequantizeLinear")
                read.add(dequantize.inputs[0] if dequantize else value)
    weights = [value.const_value for value in read if value is not None]
    return sum(weight.size for weight in weights if weight is not None)
