"""How much of a network an NPU runs, read from the source file and the compiled one; in child processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError


def require_integer(format: str, source: str) -> None:  # noqa: A002  the name in targets and requests
    """Refuse a file that computes in float anywhere.

    A compiler would warn, leave the float operators to the CPU, and report success.

    Raises:
        InputError: The file is damaged, or not integer from its input to its output.
    """
    precision, floats = (_tflite_floats if format == "tflite" else _onnx_floats)(Path(source))
    if floats:
        raise InputError(
            f"{source} is {precision}, and an NPU runs integer files only; "
            f"in float are {', '.join(floats[:3])}",
            hint="give a fully integer file, as an int8 target makes it",
        )


def _tflite_floats(source: Path) -> tuple[str, list[str]]:
    """Return the precision of a TFLite file and what in it is float, its ends included."""
    from edgecnn.backends.tflite.inspect import inspect

    described = inspect(source)
    ends = [tensor.name for tensor in (*described.inputs, *described.outputs) if "float" in tensor.dtype]
    return described.precision, [*described.float_ops, *ends]


def _onnx_floats(source: Path) -> tuple[str, list[str]]:
    """Return the same of an ONNX file, whose ends are float: the device quantizes and dequantizes them."""
    from edgecnn.backends.onnx.operations import operations

    found = operations(source)
    floats = [layer.name for layer in found if not layer.integer]
    return "fp32" if len(floats) == len(found) else "mixed", floats


def tflite_partition(source: str, compiled: str, npu_operator: str) -> dict[str, Any]:
    """Compare a TFLite file with what a compiler made of it.

    Args:
        source: The integer file.
        compiled: The compiled one, in which every piece for the NPU is one custom operator.
        npu_operator: Name of that operator.

    Returns:
        The fields of :class:`~edgecnn.backends.npu_report.Partition`.

    Raises:
        InputError: One of the files is damaged.
    """
    from edgecnn.backends.tflite.layers import layers

    before, after = layers(Path(source)), layers(Path(compiled))
    cpu = [layer for layer in after if layer.operator != npu_operator]
    return {
        "total_ops": len(before),
        "cpu_ops": len(cpu),
        "cpu_operators": sorted({layer.operator for layer in cpu}),
        "subgraphs": len(after) - len(cpu),
        **_coverage(len(before), len(cpu), [layer.macs for layer in before], [layer.macs for layer in cpu]),
    }


def onnx_partition(source: str, compiled: str) -> dict[str, Any]:
    """Compare a quantized ONNX file with the one that holds its context binary.

    Args:
        source: The quantized file.
        compiled: The file in which every piece for the NPU is one ``EPContext`` node.

    Returns:
        ``partition``, the fields of :class:`~edgecnn.backends.npu_report.Partition`, and ``layers``: name,
        operator, multiply-accumulates and place of every operation.

    Raises:
        InputError: One of the files is damaged.
    """
    from edgecnn.backends.onnx.operations import QUANTIZATION, operations
    from edgecnn.backends.onnx.session import read_model

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
        **_coverage(len(before), len(left), [layer.macs for layer in before], cpu_macs),
    }
    return {"partition": partition, "layers": described}


def onnx_macs(source: str) -> dict[str, int]:
    """Return the multiply-accumulates of every operation of an ONNX file, by node name.

    Raises:
        InputError: The file is damaged.
    """
    from edgecnn.backends.onnx.operations import operations

    return {item.name: item.macs for item in operations(Path(source))}


def _coverage(total: int, left: int, macs: list[int], left_macs: list[int]) -> dict[str, float]:
    return {
        "ops_coverage": max(0.0, 1.0 - left / total),
        "macs_coverage": 1.0 - sum(left_macs) / sum(macs) if sum(macs) else float(not left),
    }
