"""The operations of a quantized ONNX file, with their multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends.onnx.session import read_model
from edgecnn.models.imported.onnx_graph import infer_shapes, link, name_of, shape_of
from edgecnn.models.imported.work import macs_of

if TYPE_CHECKING:
    from pathlib import Path

    import onnx_ir as ir

QUANTIZATION = frozenset({"QuantizeLinear", "DequantizeLinear"})
_FUSED = frozenset({"Relu", "Clip"})
"""Activations that a backend computes with the operation before them, in integers."""


@dataclass(frozen=True)
class Operation:
    """An operation of a file; quantize/dequantize pairs do not count, as they only mark what is integer.

    Attributes:
        name: Its node's name.
        operator: Its type, such as ``Conv``.
        outputs: Names of the tensors that it computes.
        macs: Multiply-accumulates of one inference; 0 without weights.
        integer: Whether its outputs are quantized, so that a backend may compute it in integers.
    """

    name: str
    operator: str
    outputs: tuple[str, ...]
    macs: int
    integer: bool


def operations(file: Path) -> list[Operation]:
    """Return the operations of a file in an order of execution.

    Raises:
        InputError: The file is not ONNX, or it is truncated, or holds text that is not UTF-8, or its shapes
            cannot be inferred.
    """
    return [
        Operation(
            node.name or name_of(node.outputs[0]),
            node.op_type,
            tuple(map(name_of, node.outputs)),
            _macs(node),
            _is_integer(node),
        )
        for node in link(infer_shapes(read_model(file), file), file).graph
        if node.op_type not in QUANTIZATION
    ]


def _is_integer(node: ir.Node) -> bool:
    users = node.successors()
    return bool(users) and all(
        user.op_type == "QuantizeLinear" or (user.op_type in _FUSED and _is_integer(user)) for user in users
    )


def _macs(node: ir.Node) -> int:
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    shapes = [shape_of(value) for value in (*node.inputs[:2], node.outputs[0])]
    return macs_of(node.op_type, *([max(0, size) for size in shape] for shape in shapes))
