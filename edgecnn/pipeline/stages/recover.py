"""Stages of accuracy recovery: checkpoints for which quantizers lose less, and layers to leave in float.

Each starts from the trained network, never from another one's output, because that is no longer the
reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core import process
from edgecnn.models.spec_file import WEIGHTS_FILE
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
            memory_bytes=process.memory_for(inputs["checkpoint"] / WEIGHTS_FILE, many_images=True),
            torch=True,
            progress=lambda done, total: context.progress(done, total, what),
        )
        context.charge(what, child)

    return run


def _stage(name: str, entry: str, request: Request, what: str, *, trains: bool = False) -> Stage[Any]:
    run = _in_child(entry, request, what)
    return Stage(name, 3, run, PACKAGES, trains=trains, forks_torch=True)


EQUALIZE = _stage("equalize", "recover:equalize", EqualizeRequest, "equalization")
ROUND = _stage("round", "recover:round_weights", RoundRequest, "rounding", trains=True)
SENSITIVITY = _stage("sensitivity", "sensitivity:analyse", LayerSensitivityRequest, "sensitivity")
