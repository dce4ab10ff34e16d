"""Stage ``reference``: what fp32 PyTorch answers, the truth that every exported file is held to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn import process
from edgecnn.errors import InputError
from edgecnn.stages.base import Context, Inputs, Stage

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import nn

    from edgecnn.data.prepared import PreparedSet

# Bytes of uint8 pixels in a batch: large batches of photos spend their time on page faults.
BATCH_BYTES = 1 << 19
MAX_BATCH = 256
PROBE = "probe.npy"
EVAL = "eval.npy"


@dataclass(frozen=True)
class ReferenceParameters:
    """Nothing to choose: one implementation, float32, on the CPU."""


def run(inputs: Inputs, parameters: ReferenceParameters, context: Context) -> None:
    """Run the checkpoint over the probe and the evaluation set; writes float32 ``[N, C]`` for each."""
    del parameters
    evaluation = inputs.get("eval")
    child = process.call(
        "edgecnn.stages.reference:infer",
        {
            "checkpoint": str(inputs["checkpoint"]),
            "probe": str(inputs["probe"]),
            "evaluation": None if evaluation is None else str(evaluation),
            "out": str(context.out),
        },
        log=context.log,
    )
    context.charge("reference", child)


def infer(checkpoint: str, probe: str, evaluation: str | None, out: str) -> None:
    """Write the outputs of a checkpoint for one or two prepared sets; runs in a child process."""
    import numpy as np
    import torch

    from edgecnn.data.prepare import check_labels
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.models.checkpoint import load_checkpoint

    module, spec = load_checkpoint(Path(checkpoint))
    module = module.to(memory_format=torch.channels_last)
    sets = {PROBE: PreparedSet.open(Path(probe))}
    if evaluation is not None:
        sets[EVAL] = PreparedSet.open(Path(evaluation))
        check_labels(sets[EVAL], len(spec.classes))
    for name, images in sets.items():
        np.save(Path(out) / name, _outputs(module, images), allow_pickle=False)


def _outputs(module: nn.Module, images: PreparedSet) -> npt.NDArray[np.float32]:
    """Return the logits of every image, float32 ``[N, C]``."""
    import numpy as np
    import torch

    from edgecnn.ondevice.normalize import normalize
    from edgecnn.training.allocator import freed_memory_kept

    size = max(1, min(MAX_BATCH, BATCH_BYTES // images.images[0].nbytes))
    results = []
    with torch.inference_mode(), freed_memory_kept():
        for start in range(0, len(images), size):
            batch = normalize(np.asarray(images.images[start : start + size]), images.contract)
            # A permuted NHWC array is what torch calls channels last: nothing is copied.
            results.append(module(torch.from_numpy(batch).permute(0, 3, 1, 2)).numpy())
    outputs = np.concatenate(results).astype(np.float32)
    if outputs.ndim != 2:
        raise InputError(f"the network answers with shape {outputs.shape[1:]}, not with one score a class")
    if not np.isfinite(outputs).all():
        raise InputError(
            "the network answers with values that are not finite; its weights or its input scaling are broken"
        )
    return outputs


REFERENCE = Stage("reference", 2, run, ("torch",))
