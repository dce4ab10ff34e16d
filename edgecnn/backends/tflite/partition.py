"""How much of a TFLite network an NPU runs, read from its file and the compiled one in a child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn.backends.partition import coverage
from edgecnn.backends.tflite.inspect import inspect
from edgecnn.backends.tflite.layers import layers


def float_parts(source: Path) -> tuple[str, list[str]]:
    """Return the precision of a TFLite file and what in it is float, its ends included."""
    described = inspect(source)
    ends = [tensor.name for tensor in (*described.inputs, *described.outputs) if "float" in tensor.dtype]
    return described.precision, [*described.float_op_names, *ends]


def compare(source: str, compiled: str, npu_operator: str) -> dict[str, Any]:
    """Compare a TFLite file with what a compiler made of it.

    Args:
        source: The integer file.
        compiled: The compiled one, in which every piece for the NPU is one custom operator.
        npu_operator: Name of that operator.

    Returns:
        The fields of :class:`~edgecnn.core.documents.npu.Partition`.

    Raises:
        InputError: One of the files is damaged.
    """
    before, after = layers(Path(source)), layers(Path(compiled))
    cpu = [layer for layer in after if layer.operator != npu_operator]
    return {
        "total_ops": len(before),
        "cpu_ops": len(cpu),
        "cpu_operators": sorted({layer.operator for layer in cpu}),
        "subgraphs": len(after) - len(cpu),
        **coverage(len(before), len(cpu), [layer.macs for layer in before], [layer.macs for layer in cpu]),
    }
