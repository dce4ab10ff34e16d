"""A checked network with its calibration images, the start of every accuracy recovery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from edgecnn.core.doing import say
from edgecnn.core.errors import InputError
from edgecnn.data.calibration import MIN_IMAGES
from edgecnn.data.prepared import PreparedSet
from edgecnn.data.sampling import stratified
from edgecnn.models.checkpoint import load_checkpoint
from edgecnn.models.imported.silu_scaling import even_out
from edgecnn.ondevice.normalize import normalize
from edgecnn.quantization.fold import fold_batch_norm
from edgecnn.quantization.graph import trace
from edgecnn.quantization.simulate import Observed, Simulator

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from edgecnn.models.spec import ModelSpec
    from edgecnn.quantization.graph import Graph
    from edgecnn.quantization.kernels import Kernels


@dataclass(frozen=True)
class Calibrated:
    """A folded network, its simulation, and its calibration images.

    Attributes:
        module: The network, with batch norms folded.
        spec: Its spec.
        graph: Its trace.
        simulator: Its simulation, initially without ranges.
        images: Normalized calibration images, float32 ``[N, C, H, W]``.
        labels: int64 ``[N]``; -1 for an unlabelled image.
        observed: What the unchanged network computes of them.
        digest: Digest of the calibration set.
        folded: Names of the layers whose batch norm was folded.
        gates: Names of the SiLUs that were written as separate operations for equalization.
    """

    module: nn.Module
    spec: ModelSpec
    graph: Graph
    simulator: Simulator
    images: Tensor
    labels: Tensor
    observed: Observed
    digest: str
    folded: tuple[str, ...]
    gates: tuple[str, ...]

    @property
    def truth(self) -> Tensor:
        """Outputs of the unchanged network, float32 ``[N, values]``."""
        return self.observed.outputs

    @classmethod
    def open(
        cls, checkpoint: Path, calibration: Path, kernels: Kernels, images: int, seed: int
    ) -> Calibrated:
        """Open a checkpoint and at most ``images`` of a prepared set, evenly over the classes.

        Raises:
            InputError: The network cannot be traced, or there are too few images, or they have another size.
        """
        say("tracing the network")
        module, spec = load_checkpoint(checkpoint)
        prepared = PreparedSet.open(calibration)
        pixels, labels = _choose(prepared, spec, images, seed)
        gates: tuple[str, ...] = ()
        if "silu" not in kernels.fused:  # a fused SiLU is computed in float and has no grid
            module, spec, gates = even_out(module, spec, pixels)
        graph = trace(module, pixels[:1])
        folded = fold_batch_norm(module, graph)
        simulator = Simulator(module, graph, kernels)
        return cls(
            module=module,
            spec=spec,
            graph=graph,
            simulator=simulator,
            images=pixels,
            labels=labels,
            observed=simulator.observe(pixels),
            digest=prepared.digest,
            folded=folded,
            gates=gates,
        )


def _choose(prepared: PreparedSet, spec: ModelSpec, count: int, seed: int) -> tuple[Tensor, Tensor]:
    if min(count, len(prepared)) < MIN_IMAGES:
        raise InputError(
            f"recovering accuracy needs at least {MIN_IMAGES} calibration images, "
            f"not {min(count, len(prepared))}",
            hint="give a hundred or so real images of the kind that the device will see",
        )
    wanted, given = spec.contract, prepared.images.shape[1:]
    if given != (wanted.height, wanted.width, wanted.channels):
        size = f"{wanted.height}x{wanted.width}x{wanted.channels}"
        raise InputError(
            f"calibration images of {'x'.join(map(str, given))} do not fit the network's input of {size}"
        )
    chosen = np.sort(stratified(prepared.labels, count, seed))
    images = normalize(np.ascontiguousarray(prepared.images[chosen]), spec.contract)
    return torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(np.array(prepared.labels[chosen]))
