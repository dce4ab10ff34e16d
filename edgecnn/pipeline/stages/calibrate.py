"""Stages ``calibration`` and ``probe``: the few real images that ranges and verification are based on."""

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
    """Which images of a prepared set.

    Attributes:
        count: How many, the classes in equal shares; all of them where there are fewer.
        seed: Another seed gives another choice.
    """

    count: int
    seed: int


def calibrate(inputs: Inputs, parameters: SelectParameters, context: Context) -> None:
    """Write a calibration set, refusing one that no range can be learnt from."""
    chosen = choose_calibration(
        PreparedSet.open(inputs["images"]), context.out, count=parameters.count, seed=parameters.seed
    )
    report = check_calibration(chosen)
    (context.out / REPORT).write_text(json.dumps(asdict(report)), encoding="utf-8")


def probe(inputs: Inputs, parameters: SelectParameters, context: Context) -> None:
    """Write the images that the verification chain's slow reference executions see."""
    choose_calibration(
        PreparedSet.open(inputs["images"]), context.out, count=parameters.count, seed=parameters.seed
    )


CALIBRATE = Stage("calibration", 1, calibrate)
PROBE = Stage("probe", 1, probe)
