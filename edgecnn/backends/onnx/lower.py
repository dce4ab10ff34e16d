"""Conversion of a checkpoint to a float32 ONNX file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

import onnx
import torch
from onnx_ir.passes.common import RemoveUnusedNodesPass

from edgecnn.backends.instead import refusal
from edgecnn.backends.network import load_network, modules_behind, operators_in, reason
from edgecnn.backends.onnx.rewrite import PadPools, PoolGlobally, rewrite
from edgecnn.core.text import first_line

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.network import Network
    from edgecnn.core.errors import InputError

OPSET = 18
"""The opset that torch's exporter writes without conversion and ONNX Runtime supports since 1.14."""

_NEWER = {"DeformConv": "torchvision.deform_conv2d"}
"""ATen operators behind operators of ONNX that came after this opset."""


def lower(checkpoint: Path, file: Path) -> Path:
    """Convert a checkpoint to ONNX: batch 1, NCHW, batch norm folded, input ``input``; return ``file``.

    The same checkpoint gives the same bytes: the exporter's notes on source files are removed.

    Raises:
        InputError: The checkpoint is unusable, or the network has an operation that ONNX cannot express.
    """
    network = load_network(checkpoint)
    model = _export(network)
    rewrite(model, PoolGlobally(), PadPools(), RemoveUnusedNodesPass())
    _strip(model)
    onnx.helper.set_model_props(
        model, {"edgecnn.contract": json.dumps(network.spec.contract.to_json(), sort_keys=True)}
    )
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise _refused(network, _newer_operator(error)) from error
    onnx.save_model(model, file)
    return file


def _export(network: Network) -> onnx.ModelProto:
    try:
        program = torch.onnx.export(
            network.module,
            (network.example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["input"],
            output_names=list(network.outputs),
            external_data=False,
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        raise _refused(network, reason(error)) from error
    return cast("torch.onnx.ONNXProgram", program).model_proto


def _refused(network: Network, why: str) -> InputError:
    """Return the error for a network that ONNX cannot express."""
    what, operators = f"{network.spec.builder} cannot become ONNX", operators_in(why)
    return refusal(what, why, operators, {}, place=modules_behind(why, network))


def _newer_operator(error: Exception) -> str:
    """Return in one line what the checker says, with the ATen operator behind an ONNX one that is unknown."""
    found = re.search(r"No Op registered for (\w+)", str(error))
    name = "" if found is None else f" ({_NEWER[found[1]]})" if found[1] in _NEWER else ""
    return f"{first_line(error)}{name}"


def _strip(model: onnx.ModelProto) -> None:
    """Remove stack traces, which contain paths of this machine, and other notes of the exporter."""
    graph = model.graph
    for item in (
        model,
        graph,
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
    ):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
