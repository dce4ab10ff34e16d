"""How much of a network an NPU runs, read from the source file and the compiled one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn.errors import InputError


def require_integer(source: str) -> None:
    """Refuse a file that computes in float anywhere; runs in a child process.

    A compiler would warn, leave the float operators to the CPU, and report success.

    Raises:
        InputError: The file is damaged, or not integer from its input to its output.
    """
    from edgecnn.formats.tflite.inspect import inspect

    described = inspect(Path(source))
    ends = [tensor.name for tensor in (*described.inputs, *described.outputs) if "float" in tensor.dtype]
    floats = [*described.float_ops, *ends]
    if described.precision != "int8" or floats:
        named = f"; in float are {', '.join(floats[:3])}" if floats else ""
        raise InputError(
            f"{source} is {described.precision}, and an NPU runs integer files only{named}",
            hint="give a fully integer file, as target tflite-int8 makes it",
        )


def partition(source: str, compiled: str, npu_operator: str) -> dict[str, Any]:
    """Compare a TFLite file with what a compiler made of it; runs in a child process.

    Args:
        source: The integer file.
        compiled: The compiled one, in which every piece for the NPU is one custom operator.
        npu_operator: Name of that operator.

    Returns:
        The fields of :class:`~edgecnn.compilers.report.Partition`.

    Raises:
        InputError: One of the files is damaged.
    """
    from edgecnn.formats.tflite.layers import layers

    before, after = layers(Path(source)), layers(Path(compiled))
    cpu = [layer for layer in after if layer.operator != npu_operator]
    macs = sum(layer.macs for layer in before)
    return {
        "total_ops": len(before),
        "cpu_ops": len(cpu),
        "cpu_operators": sorted({layer.operator for layer in cpu}),
        "ops_coverage": max(0.0, 1.0 - len(cpu) / len(before)),
        "macs_coverage": 1.0 - sum(layer.macs for layer in cpu) / macs if macs else float(not cpu),
        "subgraphs": len(after) - len(cpu),
    }
