"""A reference of an int8 IR, whose quantization is written as float operations.

The CPU plugin always replaces FakeQuantize by int8 kernels if it can, so the file itself cannot be run as a
reference. Here each FakeQuantize becomes the arithmetic that defines it (OpenVINO operation set,
FakeQuantize-1), which no low-precision transformation recognizes, and int8 weights become float values,
because next to int8 weights the plugin quantizes activations itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.backends.openvino.ir import openvino, read_model, write_model

if TYPE_CHECKING:
    from pathlib import Path


def write_reference(model: Path, file: Path) -> Path:
    """Write the reference of an IR; a float IR stays unchanged.

    Raises:
        InputError: The file is not an IR, or it is truncated.
    """
    graph = read_model(model)
    for operation in graph.get_ordered_ops():
        if operation.get_type_name() == "FakeQuantize":
            openvino.utils.replace_node(operation, spell_out(operation))
    passes = openvino.passes.Manager()
    passes.register_pass(openvino.passes.ConstantFolding())
    passes.run_passes(graph)
    write_model(graph, file)
    return file


def spell_out(operation: openvino.Node) -> openvino.Node:
    """Return clamping, scaling to levels, rounding half to even, and scaling back."""
    opset = openvino.opset13
    steps = np.float32(operation.get_attributes()["levels"] - 1)
    value, low, high, low_out, high_out = (port.get_source_output() for port in operation.inputs())
    clamped = opset.minimum(opset.maximum(value, low), high)
    per_step = opset.divide(opset.constant(steps), opset.subtract(high, low))
    level = opset.round(opset.multiply(opset.subtract(clamped, low), per_step), "half_to_even")
    step_out = opset.divide(opset.subtract(high_out, low_out), opset.constant(steps))
    return opset.add(opset.multiply(level, step_out), low_out)
