"""Stages of accuracy recovery: checkpoints for which quantizers lose less, and layers to leave in float.

Each starts from the trained network, never from another one's output, because that is no longer the
reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core import process
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.quantization.requests import EqualizeRequest, LayerSensitivityRequest, RoundRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    Request = type[EqualizeRequest | RoundRequest | LayerSensitivityRequest]

PACKAGES = ("torch", "numpy")


def _in_child(entry: str, request: Request, what: str) -> Callable[[Inputs, Any, Context], None]:
    """Return a stage's function that calls an entry point of ``edgecnn.quantization`` in a child process."""

    def run(inputs: Inputs, parameters: Any, context: Context) -> None:
        child = process.call(
            f"edgecnn.quantization.{entry}",
            request(inputs["checkpoint"], inputs["calibration"], context.out, parameters),
            log=context.log,
            torch=True,
            progress=lambda done, total: context.progress(done, total, what),
        )
        context.charge(what, child)

    return run


EQUALIZE = Stage("equalize", 3, _in_child("recover:equalize", EqualizeRequest, "equalization"), PACKAGES)
ROUND = Stage("round", 3, _in_child("recover:round_weights", RoundRequest, "rounding"), PACKAGES, trains=True)
SENSITIVITY = Stage(
    "sensitivity", 3, _in_child("sensitivity:analyse", LayerSensitivityRequest, "sensitivity"), PACKAGES
)
