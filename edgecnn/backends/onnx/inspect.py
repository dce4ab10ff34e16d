"""Reading an ONNX file back: what ONNX Runtime makes of its operations."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnxruntime

from edgecnn.backends.format import Inspection
from edgecnn.backends.onnx.session import open_session, read_model, tensor_infos

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
"""Operations that move values or change their type; all others compute."""

_OUTPUT_ZERO_POINT = {
    "QuantizeLinear": 2,
    "QLinearConcat": 1,
    "QLinearConv": 7,
    "QLinearMatMul": 7,
    "QGemm": 8,
}
"""Place of the input that tells the output's type, where it is not the first."""

_WITHOUT_ZERO_POINT: dict[str, int] = {
    "QuantizeLinear": onnx.TensorProto.UINT8,
    "QLinearConv": 0,
    "QLinearMatMul": 0,
    "QGemm": onnx.TensorProto.FLOAT,
}
_INTEGER_INSIDE = frozenset({"QGemm"})
"""Operations that compute in integers though their result may be float."""

_FLOATS = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.BFLOAT16,
)


def inspect(file: Path) -> Inspection:
    """Read back what a file is, and what ONNX Runtime will execute for it.

    Operations are those of the runtime's optimized graph: that a quantize/dequantize pair became an integer
    kernel cannot be read from the file. Optimization stops before the layouts of one CPU are chosen, so
    that every machine reads the same.

    Raises:
        InputError: The file is not ONNX, is truncated, or ONNX Runtime refuses it.
    """
    model = read_model(file)
    optimized = _optimized(file)
    nodes = list(optimized.graph.node)
    computing = [node for node in nodes if node.op_type not in _MOVES]
    kinds = _element_types(optimized)
    float_nodes = [
        node
        for node in computing
        if node.op_type not in _INTEGER_INSIDE and any(kinds.get(name) in _FLOATS for name in node.output)
    ]
    return Inspection(
        format="onnx",
        precision=_precision(computing, float_nodes, kinds),
        ops=dict(sorted(Counter(node.op_type for node in nodes).items())),
        float_ops=tuple(node.name or node.output[0] for node in float_nodes),
        transposes=sum(node.op_type == "Transpose" for node in nodes),
        inputs=tensor_infos(model.graph.input),
        outputs=_with_steps(model),
        parameters=_parameters(model),
        size_bytes=file.stat().st_size,
        details={
            "opset": next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx")),
            "producer": f"{model.producer_name} {model.producer_version}".strip(),
            "file_ops": dict(sorted(Counter(node.op_type for node in model.graph.node).items())),
            "optimized_by": f"onnxruntime {onnxruntime.__version__}",
        },
    )


def _with_steps(model: onnx.ModelProto) -> tuple[TensorInfo, ...]:
    """Describe the outputs; one that is dequantized in the file keeps its scale, though it is float."""
    scales = {tensor.name: tensor for tensor in model.graph.initializer}
    made_by = {name: node for node in model.graph.node for name in node.output}
    described = []
    for info in tensor_infos(model.graph.output):
        node = made_by.get(info.name)
        if node is not None and node.op_type == "DequantizeLinear" and node.input[1] in scales:
            scale = onnx.numpy_helper.to_array(scales[node.input[1]])
            described.append(replace(info, scale=float(scale)) if scale.ndim == 0 else info)
        else:
            described.append(info)
    return tuple(described)


def _optimized(file: Path) -> onnx.ModelProto:
    """Return the graph that ONNX Runtime executes, before layouts for this CPU."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with tempfile.TemporaryDirectory(prefix="edgecnn-onnx-") as folder:
        written = Path(folder) / "optimized.onnx"
        options.optimized_model_filepath = str(written)
        open_session(file, file, options)
        return onnx.shape_inference.infer_shapes(onnx.load_model(written))


def _element_types(model: onnx.ModelProto) -> dict[str, int]:
    """Return the element type of every tensor: as inferred, or told by the operation that makes it.

    The runtime's own integer operations are unknown to shape inference; their output has the type of their
    output zero point, or that of their input where they have none.
    """
    graph = model.graph
    kinds = {tensor.name: int(tensor.data_type) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kinds[value.name] = int(value.type.tensor_type.elem_type)
    for node in graph.node:
        for name in node.output:
            if not kinds.get(name):
                kinds[name] = _output_type(node, kinds)
    return kinds


def _output_type(node: onnx.NodeProto, kinds: dict[str, int]) -> int:
    if node.op_type == "DequantizeLinear":
        return int(onnx.TensorProto.FLOAT)
    place = _OUTPUT_ZERO_POINT.get(node.op_type)
    if place is None:
        return kinds.get(node.input[0], 0)
    if place < len(node.input) and node.input[place]:
        return kinds.get(node.input[place], 0)
    return _WITHOUT_ZERO_POINT[node.op_type]


def _precision(
    computing: Collection[onnx.NodeProto], float_nodes: Collection[onnx.NodeProto], kinds: dict[str, int]
) -> str:
    """Name the precision of what computes; a float graph over float16 weights is fp16."""
    if len(float_nodes) < len(computing):
        return "mixed" if float_nodes else "int8"
    half = any(kinds.get(name) == onnx.TensorProto.FLOAT16 for node in computing for name in node.input)
    return "fp16" if half else "fp32"


def _parameters(model: onnx.ModelProto) -> int:
    """Count weights and biases: the constants that computing operations read, dequantized or not."""
    sizes = {}
    for tensor in model.graph.initializer:
        count = 1
        for extent in tensor.dims:
            count *= extent
        sizes[tensor.name] = count
    dequantized = {
        node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"
    }
    read = {
        dequantized.get(name, name)
        for node in model.graph.node
        if node.op_type not in _MOVES and node.op_type != "Clip"
        for name in node.input
    }
    return sum(sizes.get(name, 0) for name in read)
