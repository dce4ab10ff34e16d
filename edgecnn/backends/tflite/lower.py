"""From a checkpoint to a float32 TFLite file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import litert_torch
import torch

from edgecnn.backends.network import Network, load_network, reason
from edgecnn.backends.tflite.flatbuffer import read_model, rename_tensors, write_model
from edgecnn.core.errors import InputError


def lower(checkpoint: Path, file: Path) -> Path:
    """Convert a checkpoint to TFLite: batch 1, input ``input``, maps NHWC; return ``file``.

    Raises:
        InputError: The checkpoint is unusable, or the network holds an operation TFLite has no form for.
    """
    return lower_network(load_network(checkpoint), file)


def lower_network(network: Network, file: Path) -> Path:
    """Convert a network in memory; return ``file``.

    Raises:
        InputError: The network holds an operation that TFLite has no form for.
    """
    # The converter turns the whole graph channels-last around this wrapper, and no transpose is left. Outputs
    # that are maps stay channels-last in the file; who reads them turns them (`TensorInfo.as_in_torch`).
    wrapped = litert_torch.to_channel_last_io(network.module, args=[0], outputs=list(network.maps)).eval()
    example = network.example.permute(0, 2, 3, 1).contiguous()
    with tempfile.TemporaryDirectory(prefix="edgecnn-tflite-") as folder:
        converted = Path(folder) / "converted.tflite"
        try:
            litert_torch.convert(wrapped, (example,)).export(str(converted))
        # torch.export and the MLIR passes behind it derive from these; there is no common base.
        except (RuntimeError, ValueError, NotImplementedError, torch.fx.proxy.TraceError) as error:
            raise InputError(
                f"{network.spec.builder} cannot become TFLite: {reason(error)}",
                hint="the log of the step holds the converter's report",
            ) from error
        model = read_model(converted)
    rename_tensors(model, ("input",), network.outputs)
    write_model(model, file)
    return file
