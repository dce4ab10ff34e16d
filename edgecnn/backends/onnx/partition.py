"""How much of an ONNX network an NPU runs, read from its file and the compiled one in a child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn.backends.onnx.operations import QUANTIZATION, operations
from edgecnn.backends.onnx.session import read_model
from edgecnn.backends.partition import coverage


def float_parts(source: Path) -> tuple[str, list[str]]:
    """Return the precision of an ONNX file and what in it is float.

    Its ends do not count: the device quantizes and dequantizes them.
    """
    found = operations(source)
    floats = [layer.name for layer in found if not layer.integer]
    return "fp32" if len(floats) == len(found) else "mixed", floats


def compare(source: str, compiled: str) -> dict[str, Any]:
    """Compare a quantized ONNX file with the one that holds its context binary.

    Args:
        source: The quantized file.
        compiled: The file in which every piece for the NPU is one ``EPContext`` node.

    Returns:
        ``partition``, the fields of :class:`~edgecnn.core.documents.npu.Partition`, and ``layers``: name,
        operator, multiply-accumulates and place of every operation.

    Raises:
        InputError: One of the files is damaged.
    """
    before, after = operations(Path(source)), read_model(Path(compiled)).graph.node
    left = [node for node in after if node.op_type not in {*QUANTIZATION, "EPContext"}]
    left_outputs = {name for node in left for name in node.output}
    described = [
        {
            "name": layer.name,
            "operator": layer.operator,
            "macs": layer.macs,
            "on_npu": left_outputs.isdisjoint(layer.outputs),
        }
        for layer in before
    ]
    cpu_macs = [layer.macs for layer in before if not left_outputs.isdisjoint(layer.outputs)]
    partition = {
        "total_ops": len(before),
        "cpu_ops": len(left),
        "cpu_operators": sorted({node.op_type for node in left}),
        "subgraphs": sum(node.op_type == "EPContext" for node in after),
        **coverage(len(before), len(left), [layer.macs for layer in before], cpu_macs),
    }
    return {"partition": partition, "layers": described}


def macs_by_node(source: str) -> dict[str, int]:
    """Return the multiply-accumulates of every operation of an ONNX file, by node name.

    Raises:
        InputError: The file is damaged.
    """
    return {item.name: item.macs for item in operations(Path(source))}
