"""Conversion of a checkpoint to a float32 ONNX file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import onnx
import torch
from onnx_ir.passes.common import RemoveUnusedNodesPass

from edgecnn.backends.network import load_network, modules_behind, reason
from edgecnn.backends.onnx.rewrite import PoolGlobally, rewrite
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.network import Network

OPSET = 18
"""The opset that torch's exporter writes without conversion and ONNX Runtime supports since 1.14."""


def lower(checkpoint: Path, file: Path) -> Path:
    """Convert a checkpoint to ONNX: batch 1, NCHW, batch norm folded, input ``input``; return ``file``.

    The same checkpoint gives the same bytes: the exporter's notes on source files are removed.

    Raises:
        InputError: The checkpoint is unusable, or the network has an operation that ONNX cannot express.
    """
    network = load_network(checkpoint)
    model = _export(network)
    rewrite(model, PoolGlobally(), RemoveUnusedNodesPass())
    _strip(model)
    onnx.helper.set_model_props(
        model, {"edgecnn.contract": json.dumps(network.spec.contract.to_json(), sort_keys=True)}
    )
    onnx.checker.check_model(model, full_check=True)
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
        why = reason(error)
        raise InputError(
            f"{network.spec.builder} cannot become ONNX: {why}{modules_behind(why, network)}",
            hint="the log of the step holds the exporter's report",
        ) from error
    return cast("torch.onnx.ONNXProgram", program).model_proto


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
