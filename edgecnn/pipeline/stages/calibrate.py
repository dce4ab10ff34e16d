"""Stages ``calibration`` and ``probe``: the few real images for ranges and verification."""

from __future__ import annotations

import json
from dataclasses import asdict

from edgecnn.core.documents.arguments import arguments
from edgecnn.data.calibration import check_calibration, choose_calibration
from edgecnn.data.prepared import PreparedSet
from edgecnn.pipeline.stages.base import Context, Inputs, Stage

REPORT = "calibration.json"


@arguments
class SelectParameters:
    """The choice of images from a prepared set.

    Attributes:
        count: Number of images, evenly over the classes; all images if there are fewer.
        seed: Seed of the choice.
    """

    count: int
    seed: int


def calibrate(inputs: Inputs, parameters: SelectParameters, context: Context) -> None:
    """Write a calibration set after checking that it is suitable for ranges."""
    chosen = choose_calibration(
        PreparedSet.open(inputs["images"]), context.out, count=parameters.count, seed=parameters.seed
    )
    report = check_calibration(chosen)
    (context.out / REPORT).write_text(json.dumps(asdict(report)), encoding="utf-8")


def probe(inputs: Inputs, parameters: SelectParameters, context: Context) -> None:
    """Write the images for the verification chain's slow reference executions."""
    choose_calibration(
        PreparedSet.open(inputs["images"]), context.out, count=parameters.count, seed=parameters.seed
    )


CALIBRATE = Stage("calibration", 1, calibrate, ("numpy",))
PROBE = Stage("probe", 1, probe, ("numpy",))
