"""Link 2's check of a detector that its boxes still have different scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.core.documents.link import Bound, Link
from edgecnn.tasks.detection.labelled import decode_all

if TYPE_CHECKING:
    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.detector import Detector
    from edgecnn.proof.links.limits import Limits
    from edgecnn.tasks.base import Outputs

_SHARE_OF_LEVELS = 4


def score_levels(detector: Detector, outputs: Outputs, contract: Contract) -> int:
    """Return the number of distinct scores of all images' boxes, after decoding.

    With only two or three, boxes are found, but their scores do not tell which of them are right.
    """
    sizes = [(contract.height, contract.width)] * len(outputs[0])
    found = decode_all(detector, outputs, contract, sizes)
    return int(np.unique(np.concatenate([image.scores for image in found])).size)


def with_score_levels(link: Link, float_levels: int, levels: int, limits: Limits) -> Link:
    """Return link 2 with the number of distinct scores of a detector's boxes.

    Args:
        link: The link so far.
        float_levels: Number of scores of the float file, on the same images.
        levels: Number of scores of the target's file.
        limits: Limits of the link.
    """
    least = min(limits.quantization_score_levels, float_levels / _SHARE_OF_LEVELS)
    metrics = {"score_levels": float(levels), "float_score_levels": float(float_levels)}
    cause = f"the boxes have {levels} distinct scores, {float_levels} in float: one scale serves too much"
    return link.model_copy(
        update={
            "metrics": link.metrics | metrics,
            "limits": link.limits | {"score_levels": Bound(at_least=least)},
            "cause": link.cause or ("" if levels >= least else cause),
        }
    )
