"""Share of a TFLite network that an NPU runs, read from its file and the compiled one in a child process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.partition import CompiledFile, make_partition
from edgecnn.backends.tflite.inspect import inspect
from edgecnn.backends.tflite.layers import layers

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.npu import Partition


def float_parts(source: Path) -> tuple[str, list[str]]:
    """Return the precision of a TFLite file and its float parts, including inputs and outputs."""
    described = inspect(source)
    ends = [tensor.name for tensor in (*described.inputs, *described.outputs) if "float" in tensor.dtype]
    return described.precision, [*described.float_op_names, *ends]


def compare(files: CompiledFile) -> Partition:
    """Compare a TFLite file with its compiled file.

    Raises:
        InputError: One of the files is damaged.
    """
    before, after = layers(files.source), layers(files.compiled)
    cpu = [layer for layer in after if layer.operator != files.npu_operator]
    return make_partition(
        len(before),
        [layer.operator for layer in cpu],
        [layer.macs for layer in before],
        [layer.macs for layer in cpu],
        subgraphs=len(after) - len(cpu),
    )
