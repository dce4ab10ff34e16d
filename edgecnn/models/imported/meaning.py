"""Refusal of files whose operators do not mean what their names say, before ONNX Runtime rewrites them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.models.imported.onnx_graph import constant

if TYPE_CHECKING:
    from pathlib import Path

    import onnx
    import onnx_ir as ir

_OWN = ("", "ai.onnx")
_TRAINING_INPUT = 2
_HINT = "export the network again for inference, with one opset"


def check_opsets(model: onnx.ModelProto, file: Path) -> None:
    """Check that ONNX's operators have one meaning in all of a file.

    Args:
        model: Content of the file.
        file: Its name in messages.

    Raises:
        InputError: The file names several opsets, or defines an operator of ONNX anew.
    """
    opsets = {item.version for item in model.opset_import if item.domain in _OWN}
    for function in model.functions:
        if function.domain in _OWN:
            raise InputError(f"{file} defines ONNX's operator {function.name} anew", hint=_HINT)
        opsets |= {item.version for item in function.opset_import if item.domain in _OWN}
    if len(opsets) != 1:
        found = ", ".join(map(str, sorted(opsets))) or "none"
        raise InputError(f"{file} must name one opset of ONNX, and names {found}", hint=_HINT)


def check_inference(model: ir.Model) -> None:
    """Check that no operation is in training mode, which ONNX Runtime would drop in silence.

    Raises:
        InputError: One is; the message names it.
    """
    for node in model.graph:
        if node.domain or node.op_type not in ("BatchNormalization", "Dropout"):
            continue
        training = node.attributes.get_int("training_mode", 0) != 0
        if node.op_type == "Dropout" and len(node.inputs) > _TRAINING_INPUT:
            switch = node.inputs[_TRAINING_INPUT]
            value = constant(switch)
            training = switch is not None and (value is None or bool(value.any()))
        if training:
            raise InputError(
                f"{node.op_type} {node.name} cannot be imported: it is in training mode", hint=_HINT
            )
