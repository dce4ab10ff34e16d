"""Share of an ONNX network that an NPU runs, read from its file and the compiled one in a child process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.onnx.operations import QUANTIZATION, operations
from edgecnn.backends.onnx.session import read_model
from edgecnn.backends.partition import CompiledFile, PartitionedLayers, SourceFile, make_partition
from edgecnn.core.documents.npu import NpuLayer

if TYPE_CHECKING:
    from pathlib import Path


def float_parts(source: Path) -> tuple[str, list[str]]:
    """Return the precision of an ONNX file and its float parts.

    Inputs and outputs do not count, because the device quantizes and dequantizes them.
    """
    found = operations(source)
    floats = [layer.name for layer in found if not layer.integer]
    return "fp32" if len(floats) == len(found) else "mixed", floats


def compare(files: CompiledFile) -> PartitionedLayers:
    """Compare a quantized ONNX file with the file of its context binary.

    Raises:
        InputError: One of the files is damaged.
    """
    before, after = operations(files.source), read_model(files.compiled).graph.node
    left = [node for node in after if node.op_type not in {*QUANTIZATION, files.npu_operator}]
    left_outputs = {name for node in left for name in node.output}
    layers = [
        NpuLayer(
            name=layer.name,
            operator=layer.operator,
            macs=layer.macs,
            on_npu=left_outputs.isdisjoint(layer.outputs),
        )
        for layer in before
    ]
    partition = make_partition(
        len(before),
        [node.op_type for node in left],
        [layer.macs for layer in layers],
        [layer.macs for layer in layers if not layer.on_npu],
        subgraphs=sum(node.op_type == files.npu_operator for node in after),
    )
    return PartitionedLayers(partition=partition, layers=tuple(layers))


def macs_by_node(file: SourceFile) -> dict[str, int]:
    """Return the multiply-accumulates of every operation of an ONNX file, by node name.

    Raises:
        InputError: The file is damaged.
    """
    return {item.name: item.macs for item in operations(file.source)}
