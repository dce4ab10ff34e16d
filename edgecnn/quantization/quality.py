"""Quality of a simulated int8 network on its calibration images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import PlainSerializer
from torch.nn import functional

from edgecnn.core.documents.document import Document
from edgecnn.quantization.simulate import answers
from edgecnn.quantization.sqnr import mean_sqnr_db

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from torch import Tensor

    from edgecnn.quantization.calibrated import Calibrated


def _rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


Figure = Annotated[float, PlainSerializer(_rounded)]
"""A number that is written with four decimals, or as null if it is not finite."""


class Quality(Document):
    """Quality of a network compared with the float network."""

    sqnr_db: Figure
    """Signal to quantization noise ratio of the outputs in dB, averaged over several outputs."""

    agreement: Figure = math.nan
    """Share of the images with the same best output; NaN if there are several outputs."""

    loss: Figure = math.nan
    """Mean cross entropy of the labelled images; NaN if there are none."""

    top1: Figure = math.nan
    """Share of the labelled images that are classified correctly; NaN if there are none."""


def measure(network: Calibrated, active: Collection[str] | None = None) -> Quality:
    """Measure a network in the current state of its simulator, with all layers quantized or only some.

    Args:
        network: The network, with the outputs of the unchanged network.
        active: As for :meth:`edgecnn.quantization.simulate.Simulator.run`.
    """
    outputs = network.simulator.run(network.images, active)
    return compare(network.truth, outputs, network.labels, network.simulator.sizes)


def compare(truth: Tensor, outputs: Tensor, labels: Tensor, sizes: Sequence[int]) -> Quality:
    """Compare outputs with those of the float network and with labels.

    Args:
        truth: Outputs of the float network, float32 ``[N, values]``: all outputs of an image.
        outputs: Outputs of the quantized network, in the same form.
        labels: int64 ``[N]``; only used if there is a single output, of scores.
        sizes: Number of values of every output.
    """
    quality = mean_sqnr_db(answers(truth, sizes), answers(outputs, sizes))
    if len(sizes) > 1:
        return Quality(sqnr_db=quality)
    best = outputs.argmax(dim=1)
    labelled = (labels >= 0) & (labels < outputs.shape[1])
    loss = top1 = math.nan
    if bool(labelled.any()):
        loss = float(functional.cross_entropy(outputs[labelled], labels[labelled]))
        top1 = float((best == labels)[labelled].float().mean())
    same = float((best == truth.argmax(dim=1)).float().mean())
    return Quality(sqnr_db=quality, agreement=same, loss=loss, top1=top1)
