"""Stage ``reference``: outputs of fp32 PyTorch, with which every exported file is compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core import process
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import InputError
from edgecnn.models.spec_file import WEIGHTS_FILE
from edgecnn.pipeline.stages.base import Context, Inputs, Stage

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import nn

    from edgecnn.data.prepared import PreparedSet

# Size of a batch's uint8 pixels in bytes: larger batches of photos spend their time on page faults.
BATCH_BYTES = 1 << 19
MAX_BATCH = 256
PROBE = "probe"
EVAL = "eval"
"""Names of the folders of outputs for the probe and for the evaluation set."""


@arguments
class ReferenceParameters:
    """Empty parameters: there is one implementation, float32 on the CPU."""


@arguments
class ReferenceRequest:
    """A checkpoint to run on the probe and, if given, the evaluation set, in a child process.

    The outputs go to directory ``out``.
    """

    checkpoint: Path
    probe: Path
    evaluation: Path | None
    out: Path


def run(inputs: Inputs, parameters: ReferenceParameters, context: Context) -> None:
    """Run the checkpoint on the probe and the evaluation set; write the outputs for each."""
    del parameters
    request = ReferenceRequest(inputs["checkpoint"], inputs["probe"], inputs.get("eval"), context.out)
    child = process.call(
        "edgecnn.pipeline.stages.reference:infer",
        request,
        log=context.log,
        memory_bytes=process.memory_for(request.checkpoint / WEIGHTS_FILE),
        torch=True,
    )
    context.charge("reference", child)


def infer(request: ReferenceRequest) -> None:
    """Write the outputs of a checkpoint for one or two prepared sets; runs in a child process."""
    import torch

    from edgecnn.data.prepared import PreparedSet
    from edgecnn.models.checkpoint import load_checkpoint
    from edgecnn.pipeline.stages.outputs import write_outputs
    from edgecnn.tasks.registry import task_of

    module, spec = load_checkpoint(request.checkpoint)
    task = task_of(spec.task)
    module = module.to(memory_format=torch.channels_last)
    sets = {PROBE: PreparedSet.open(request.probe)}
    if request.evaluation is not None:
        sets[EVAL] = PreparedSet.open(request.evaluation)
        task.check(sets[EVAL], len(spec.classes))
    for name, images in sets.items():
        outputs = _outputs(module, images)
        if name == EVAL:
            task.check_outputs(outputs)
        write_outputs(request.out / name, outputs)


def _outputs(module: nn.Module, images: PreparedSet) -> list[npt.NDArray[np.float32]]:
    """Return every output for all images, float32 ``[N, ...]``, maps as ``[N, C, H, W]``."""
    import numpy as np
    import torch

    from edgecnn.ondevice.normalize import normalize
    from edgecnn.training.allocator import freed_memory_kept

    size = max(1, min(MAX_BATCH, BATCH_BYTES // images.images[0].nbytes))
    results = []
    with torch.inference_mode(), freed_memory_kept():
        for start in range(0, len(images), size):
            batch = normalize(np.asarray(images.images[start : start + size]), images.contract)
            # torch calls a permuted NHWC array channels last: nothing is copied.
            answer = module(torch.from_numpy(batch).permute(0, 3, 1, 2))
            parts = (answer,) if isinstance(answer, torch.Tensor) else answer
            results.append([np.ascontiguousarray(part.numpy(), np.float32) for part in parts])
    outputs = [np.concatenate(parts) for parts in zip(*results, strict=True)]
    if not all(np.isfinite(output).all() for output in outputs):
        raise InputError(
            "the network answers with values that are not finite; its weights or its input scaling are broken"
        )
    return outputs


REFERENCE = Stage("reference", 3, run, ("numpy", "torch"), forks_torch=True)
