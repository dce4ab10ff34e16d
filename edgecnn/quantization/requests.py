"""What the stages of accuracy recovery are asked for, as documents that cross to a child process."""

from __future__ import annotations

from pathlib import Path

from edgecnn.core.documents.arguments import arguments
from edgecnn.quantization.kernels import Kernels


@arguments
class EqualizeParameters:
    """How channels are evened out and biases corrected.

    Attributes:
        kernels: What the target's integer kernels do.
        images: How many calibration images are used, at most.
        seed: Decides which images are used.
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
        seed: Decides which images are used, and which positions of them.
        iterations: Steps of gradient descent for each layer.
    """

    kernels: Kernels
    images: int = 100
    seed: int = 0
    iterations: int = 400


@arguments
class LayerSensitivityParameters:
    """How many layers may stay in float, and which quality they may stay for.

    Attributes:
        kernels: What the target's integer kernels do.
        images: How many calibration images are used, at most.
        seed: Decides which images are used.
        sqnr_db: Signal to quantization noise of the outputs that is enough.
        agreement: Share of images with the float network's best output that is enough.
        most: How many layers may stay in float.
    """

    kernels: Kernels
    images: int = 32
    seed: int = 0
    sqnr_db: float = 20.0
    agreement: float = 0.97
    most: int = 5


@arguments
class EqualizeRequest:
    """A checkpoint to even out, with a prepared calibration set; the result goes to directory ``out``."""

    checkpoint: Path
    calibration: Path
    out: Path
    how: EqualizeParameters


@arguments
class RoundRequest:
    """A checkpoint to round, with a prepared calibration set; the result goes to directory ``out``."""

    checkpoint: Path
    calibration: Path
    out: Path
    how: RoundParameters


@arguments
class LayerSensitivityRequest:
    """A checkpoint to analyse, with a prepared calibration set; the result goes to directory ``out``."""

    checkpoint: Path
    calibration: Path
    out: Path
    how: LayerSensitivityParameters
