"""Tests of the comparison of outputs on the calibration images."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from edgecnn.backends.calibration_check import calibration_health
from edgecnn.quantization.ranges import Range

Floats = NDArray[np.float32]


def test_ties_clips_and_agreement_are_counted() -> None:
    truth = [float32([1.0, 5.0, 2.0]), float32([9.0, 8.5, 0.0]), float32([0.0, 1.0, 3.0])]
    outputs = [float32([1.0, 5.0, 2.0]), float32([8.0, 8.0, 0.0]), float32([0.0, 3.0, 1.0])]
    health = calibration_health(_alone(truth), _alone(outputs), {"output": Range(0.0, 8.0)})
    assert (health.tied, health.clipped, health.agreement) == (1, 1, 0.6667)


def test_equal_outputs_have_a_ratio_that_json_can_hold() -> None:
    same = [float32([1.0, 2.0])]
    health = calibration_health(_alone(same), _alone(same), {"output": None})
    assert health.sqnr_db is None
    json.dumps(health.to_json(), allow_nan=False)


def test_the_worst_of_several_outputs_is_named() -> None:
    truth = [(float32([300.0, 400.0]), float32([0.3, 0.4]))]
    answers = [(float32([300.0, 401.0]), float32([0.0, 0.0]))]
    health = calibration_health(truth, answers, {"boxes": Range(0.0, 400.0), "scores": Range(0.0, 400.0)})
    assert (health.worst, health.sqnr_db) == ("scores", 0.0)
    sqnr_db = health.outputs["boxes"].sqnr_db
    assert sqnr_db is not None
    assert sqnr_db > 50


def float32(values: list[float]) -> Floats:
    return np.array(values, np.float32)


def _alone(outputs: list[Floats]) -> list[tuple[Floats]]:
    return [(output,) for output in outputs]
