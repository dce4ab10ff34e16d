"""Conversion of a checkpoint to a float32 TFLite file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import litert_torch
import torch

from edgecnn.backends.instead import refusal
from edgecnn.backends.network import Network, load_network, modules_behind, operators_in, reason
from edgecnn.backends.tflite.culprit import culprit
from edgecnn.backends.tflite.flatbuffer import flatten_biases, read_model, rename_tensors, write_model
from edgecnn.backends.tflite.rewriting.rewrites import rewritten

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.core.errors import InputError

_BROADCAST = "leave expand and expand_as out: [N, C, 1, 1] and [N, C, H, W] are combined without them"
INSTEAD = {
    "conv_transpose2d": "use a ConvTranspose2d without dilation and with output_padding at most its padding, "
    "such as one with kernel 4, stride 2 and padding 1",
    **dict.fromkeys(("add", "div", "mul", "sub"), _BROADCAST),
}
"""What a user can write in place of an operation that only TFLite cannot express."""

_FAILURES = (AssertionError, NotImplementedError, RuntimeError, TypeError, ValueError)


def lower(checkpoint: Path, file: Path) -> Path:
    """Convert a checkpoint to TFLite: batch 1, input ``input``, maps NHWC; return ``file``.

    Raises:
        InputError: The checkpoint is unusable, or the network has an operation that TFLite cannot express.
    """
    return lower_network(load_network(checkpoint), file)


def lower_network(network: Network, file: Path) -> Path:
    """Convert a network in memory; return ``file``.

    Raises:
        InputError: The network has an operation that TFLite cannot express.
    """
    # The converter makes the whole graph inside this wrapper channels-last, so that no transpose is left.
    # Maps stay channels-last as outputs of the file; their readers transpose them (`TensorInfo.as_in_torch`).
    module = rewritten(network.module, network.example)
    wrapped = litert_torch.to_channel_last_io(module, args=[0], outputs=list(network.maps)).eval()
    example = network.example.permute(0, 2, 3, 1).contiguous()
    with tempfile.TemporaryDirectory(prefix="edgecnn-tflite-") as folder:
        converted = Path(folder) / "converted.tflite"
        try:
            litert_torch.convert(wrapped, (example,)).export(str(converted))
        # torch.export and the MLIR passes behind it derive their errors from these; there is no common base.
        except (*_FAILURES, torch.fx.proxy.TraceError) as error:
            raise _refusal(network, error, lambda: litert_torch.convert(wrapped, (example,))) from error
        model = read_model(converted)
    flatten_biases(model)
    rename_tensors(model, ("input",), network.outputs)
    write_model(model, file)
    return file


def _refusal(network: Network, error: BaseException, convert: Callable[[], object]) -> InputError:
    """Return the error of a conversion, with the layer that it fails at and what to use instead."""
    why = reason(error)
    behind, operators = modules_behind(why, network), operators_in(why)
    if not behind and (found := culprit(convert)) is not None:
        layer, operator, why = found
        behind, operators = f" (in {layer or 'the network itself'}, {operator})", [operator]
    return refusal(f"{network.spec.builder} cannot become TFLite", why, operators, INSTEAD, place=behind)
