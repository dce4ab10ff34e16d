"""Files that are no float network of ONNX's own operators: what they are, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.models.imported.onnx_graph import name_of

if TYPE_CHECKING:
    from pathlib import Path

    import onnx_ir as ir

_SHOWN = 5

QUANTIZED = (
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger",
    "QLinearConv", "QLinearMatMul", "QGemm", "QLinearAdd", "QLinearMul", "QLinearGlobalAveragePool",
)  # fmt: skip
"""Operators of files that are quantized."""

_FLOW = ("If", "Loop", "Scan")


def check_operators(model: ir.Model, file: Path) -> None:
    """Check that a model is a float network of ONNX's own operators.

    Args:
        model: The part of the file that is imported.
        file: Its name in messages.

    Raises:
        InputError: It is quantized already, or has operators of others; the message names them.
    """
    counts = sum(node.op_type in QUANTIZED for node in model.graph)
    if counts:
        raise InputError(
            f"{file} is quantized already: {counts} of its operations quantize or compute with integers",
            hint="export the float .onnx file that it was made from; this one is finished as it is",
        )
    own = {(function.domain, function.name) for function in model.functions.values()}
    for node in model.graph:
        if node.domain not in ("", "ai.onnx") and (node.domain, node.op_type) not in own:
            raise _custom(node, file)


def _custom(node: ir.Node, file: Path) -> InputError:
    read = [name_of(value) for value in node.inputs if value is not None and value.producer() is not None]
    cut = ",".join(read[:_SHOWN])
    before = f"cut the network before it with --outputs {cut}" if cut else "cut the network before it"
    return InputError(
        f"{file}: operation {node.name or name_of(node.outputs[0])} is {node.op_type} of the domain "
        f"{node.domain}, a custom operator, which is not ONNX's own",
        hint=f"export the network with ONNX's own operators, or {before}",
    )


def check_flow(graph: ir.Graph) -> None:
    """Check that a folded graph has no control flow left.

    Raises:
        InputError: An operation chooses or repeats others; the message names it.
    """
    for node in graph:
        if node.op_type in _FLOW and not node.domain:
            name = node.name or name_of(node.outputs[0])
            raise InputError(
                f"operation {name} is {node.op_type}: control flow that depends on the image is not imported",
                hint="export the network without loops and conditions on values, or cut it before them "
                "with --outputs",
            )
