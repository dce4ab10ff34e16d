"""Multiply-accumulates of the operations that ONNX Runtime makes of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.models.imported.onnx_graph import infer_shapes, link, name_of, shape_of
from edgecnn.models.imported.work import INTEGER, macs_of, multiplying

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import onnx
    import onnx_ir as ir


def layer_macs(model: onnx.ModelProto, file: Path, executed: Iterable[ir.Node]) -> Iterator[tuple[int, bool]]:
    """Yield the multiply-accumulates of every executed operation, and whether it computes in integers.

    Shape inference does not know the runtime's own operations, whose outputs keep their names in the file.

    Args:
        model: Content of the file.
        file: Its path, for messages.
        executed: The operations of the runtime's optimized graph.
    """
    inferred = link(infer_shapes(model, file, strict=False), file).graph
    values = [*inferred.inputs, *(value for node in inferred for value in node.outputs)]
    shapes = {name_of(value): shape_of(value) for value in values}
    for node in executed:
        layer = multiplying(node.op_type)
        if layer is None:
            continue
        operator, place = layer
        source, weights, result = (
            _closed(shape_of(value) or shapes.get(name_of(value), ()))
            for value in (node.inputs[0], node.inputs[place], node.outputs[0])
        )
        yield macs_of(operator, source, weights, result), node.op_type in INTEGER


def _closed(shape: Sequence[int]) -> list[int]:
    """Return a shape with 1 in place of every open size."""
    return [max(1, size) for size in shape]
