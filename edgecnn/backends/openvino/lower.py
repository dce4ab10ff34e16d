"""Conversion of a checkpoint to a float32 OpenVINO IR."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edgecnn.backends.instead import refusal
from edgecnn.backends.network import load_network, modules_behind, operators_in, reason
from edgecnn.backends.openvino.ir import openvino, write_model

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.network import Network

_FAILURES = (
    openvino.frontend.OpConversionFailure,
    openvino.frontend.NotImplementedFailure,
    openvino.frontend.OpValidationFailure,
    openvino.frontend.GeneralFailure,
    RuntimeError,
)


def lower(checkpoint: Path, file: Path) -> Path:
    """Convert a checkpoint to IR: batch 1, NCHW, batch norm folded, input ``input``; return ``file``.

    Raises:
        InputError: The checkpoint is unusable, or the network has an operation that OpenVINO cannot express.
    """
    network = load_network(checkpoint)
    try:
        model = _convert(network)
    except _FAILURES as error:
        why = _reason(error)
        what = f"{network.spec.builder} cannot become OpenVINO IR"
        raise refusal(what, why, operators_in(why), {}, place=modules_behind(why, network)) from error
    write_model(model, file)
    return file


def _convert(network: Network) -> openvino.Model:
    # An exported program has static shapes; a traced one would bring shape arithmetic into the graph.
    with torch.no_grad():
        program = torch.export.export(network.module, (network.example,))
        model = openvino.convert_model(program)
    model.reshape(list(network.example.shape))
    for port, name in zip((*model.inputs, *model.outputs), ("input", *network.outputs), strict=True):
        port.get_tensor().set_names({name})
    for node, name in zip(
        (*model.get_parameters(), *model.get_results()), ("input", *network.outputs), strict=True
    ):
        node.set_friendly_name(name)
    return model


def _reason(error: Exception) -> str:
    """Return the first line of the converter's summary, which follows much other text, or the reason."""
    _, _, summary = str(error).partition("Summary:")
    lines = summary.strip().splitlines()
    return lines[0].removeprefix("-- ") if lines else reason(error)
