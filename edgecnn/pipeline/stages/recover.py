"""Stages of accuracy recovery: checkpoints that quantizers lose less of, and layers to leave in float.

All of them take the network as it was trained: what one of them corrected is no truth for the next.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edgecnn.core import process
from edgecnn.core.documents.arguments import arguments
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.quantization.kernels import Kernels

if TYPE_CHECKING:
    from collections.abc import Callable


@arguments
class EqualizeParameters:
    """How channels are evened out and biases corrected.

    Attributes:
        kernels: What the target's integer kernels do.
        images: How many calibration images are used, at most.
        seed: Which ones.
        entry: How many layers at the network's entry may be left in float, at most.
    """

    kernels: Kernels
    images: int = 100
    seed: int = 0
    entry: int = 0


@arguments
class RoundParameters:
    """How weights are rounded.

    Attributes:
        kernels: What the target's integer kernels do.
        images: How many calibration images are used, at most.
        seed: Which ones, and which of their positions.
        iterations: Steps of gradient descent for each layer.
    """

    kernels: Kernels
    images: int = 100
    seed: int = 0
    iterations: int = 400


@arguments
class SensitivityParameters:
    """What may stay in float, and what for.

    Attributes:
        kernels: What the target's integer kernels do.
        images: How many calibration images are used, at most.
        seed: Which ones.
        sqnr_db: Signal to quantization noise of the outputs that will do.
        agreement: Share of images with the float network's best output that will do.
        most: How many layers may stay in float.
    """

    kernels: Kernels
    images: int = 32
    seed: int = 0
    sqnr_db: float = 20.0
    agreement: float = 0.97
    most: int = 5


def _in_child(entry: str, what: str) -> Callable[[Inputs, Any, Context], None]:
    """Return a stage's function that calls an entry point of ``edgecnn.quantization`` in a child process."""

    def run(inputs: Inputs, parameters: Any, context: Context) -> None:
        child = process.call(
            entry,
            {
                "checkpoint": str(inputs["checkpoint"]),
                "calibration": str(inputs["calibration"]),
                "out": str(context.out),
                **asdict(parameters),
            },
            log=context.log,
            progress=lambda done, total: context.progress(done, total, what),
        )
        context.charge(what, child)

    return run


EQUALIZE = Stage(
    "equalize", 3, _in_child("edgecnn.quantization.recover:equalize", "equalization"), ("torch",)
)
ROUND = Stage("round", 3, _in_child("edgecnn.quantization.recover:round_weights", "rounding"), ("torch",))
SENSITIVITY = Stage(
    "sensitivity", 3, _in_child("edgecnn.quantization.sensitivity:analyse", "sensitivity"), ("torch",)
)
