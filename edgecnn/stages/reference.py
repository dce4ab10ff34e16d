"""Stage ``reference``: what fp32 PyTorch answers, the truth that every exported file is held to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecnn import process
from edgecnn.stages.base import Context, Inputs, Stage

# Pixels of one batch: large batches of photos spend their time on page faults, not on arithmetic.
BATCH_BYTES = 1 << 19
MAX_BATCH = 256
OUTPUTS = "outputs.npy"


@dataclass(frozen=True)
class ReferenceParameters:
    """What is asked of the images; there is one implementation, float32, on the CPU.

    Attributes:
        labelled: Whether every image must have a label that the network can answer with.
    """

    labelled: bool


def run(inputs: Inputs, parameters: ReferenceParameters, context: Context) -> None:
    """Run the checkpoint over a prepared set in a child process; writes float32 ``[N, C]``."""
    child = process.call(
        "edgecnn.stages.reference:infer",
        {
            "checkpoint": str(inputs["checkpoint"]),
            "images": str(inputs["images"]),
            "labelled": parameters.labelled,
            "out": str(context.out / OUTPUTS),
        },
        log=context.log,
    )
    context.charge("reference", child)


def infer(checkpoint: str, images: str, labelled: bool, out: str) -> None:
    """Write the outputs of a checkpoint for every image of a prepared set; runs in a child process."""
    import numpy as np
    import torch

    from edgecnn.data.prepare import check_labels
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.errors import InputError
    from edgecnn.models.checkpoint import load_checkpoint
    from edgecnn.ondevice.normalize import normalize
    from edgecnn.training.allocator import freed_memory_kept

    module, spec = load_checkpoint(Path(checkpoint))
    prepared = PreparedSet.open(Path(images))
    if labelled:
        check_labels(prepared, len(spec.classes))
    size = max(1, min(MAX_BATCH, BATCH_BYTES // prepared.images[0].nbytes))
    module = module.to(memory_format=torch.channels_last)
    results = []
    with torch.inference_mode(), freed_memory_kept():
        for start in range(0, len(prepared), size):
            batch = normalize(np.asarray(prepared.images[start : start + size]), spec.contract)
            # A permuted NHWC array is what torch calls channels last: nothing is copied.
            results.append(module(torch.from_numpy(batch).permute(0, 3, 1, 2)).numpy())
    outputs = np.concatenate(results).astype(np.float32)
    if outputs.ndim != 2:
        raise InputError(f"the network answers with shape {outputs.shape[1:]}, not with one score a class")
    if not np.isfinite(outputs).all():
        raise InputError(
            "the network answers with values that are not finite; its weights or its input scaling are broken"
        )
    np.save(out, outputs, allow_pickle=False)


REFERENCE = Stage("reference", 1, run, ("torch",))
