"""Conversion of a checkpoint to a float32 TFLite file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import litert_torch
import torch

from edgecnn.backends.network import Network, load_network, modules_behind, reason
from edgecnn.backends.tflite.flatbuffer import read_model, rename_tensors, write_model
from edgecnn.core.errors import InputError


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
    wrapped = litert_torch.to_channel_last_io(network.module, args=[0], outputs=list(network.maps)).eval()
    example = network.example.permute(0, 2, 3, 1).contiguous()
    with tempfile.TemporaryDirectory(prefix="edgecnn-tflite-") as folder:
        converted = Path(folder) / "converted.tflite"
        try:
            litert_torch.convert(wrapped, (example,)).export(str(converted))
        # torch.export and the MLIR passes behind it derive their errors from these; there is no common base.
        except (RuntimeError, ValueError, NotImplementedError, torch.fx.proxy.TraceError) as error:
            why = reason(error)
            raise InputError(
                f"{network.spec.builder} cannot become TFLite: {why}{modules_behind(why, network)}",
                hint="the log of the step holds the converter's report",
            ) from error
        model = read_model(converted)
    rename_tensors(model, ("input",), network.outputs)
    write_model(model, file)
    return file
