"""How good a simulated int8 network is on its calibration images."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from torch.nn import functional

from edgecnn.compress.ranges import sqnr_db

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import Tensor

    from edgecnn.compress.calibrated import Calibrated


@dataclass(frozen=True)
class Quality:
    """Figures of a network against the float one.

    Attributes:
        sqnr_db: Signal to quantization noise of the outputs.
        agreement: Share of the images with the same best output.
        loss: Mean cross entropy of the labelled images; NaN where there are none.
        top1: Share of the labelled images that are classified right; NaN where there are none.
    """

    sqnr_db: float
    agreement: float
    loss: float
    top1: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain data, None where one is not finite."""
        return {
            name: round(value, 4) if math.isfinite(value) else None for name, value in asdict(self).items()
        }


def measure(network: Calibrated, active: Collection[str] | None = None) -> Quality:
    """Measure a network as its simulator is now, with all layers quantized or with some.

    Args:
        network: The network, and what it answered before anything was changed.
        active: As for :meth:`edgecnn.compress.simulate.Simulator.run`.
    """
    return compare(network.truth, network.simulator.run(network.images, active), network.labels)


def compare(truth: Tensor, outputs: Tensor, labels: Tensor) -> Quality:
    """Compare outputs, float32 ``[N, values]``, with the float network's and with labels, int64 ``[N]``."""
    best = outputs.argmax(dim=1)
    labelled = (labels >= 0) & (labels < outputs.shape[1])
    loss = top1 = math.nan
    if bool(labelled.any()):
        loss = float(functional.cross_entropy(outputs[labelled], labels[labelled]))
        top1 = float((best == labels)[labelled].float().mean())
    return Quality(
        sqnr_db(list(truth.numpy()), list(outputs.numpy())),
        float((best == truth.argmax(dim=1)).float().mean()),
        loss,
        top1,
    )
