"""Requests of the stages of accuracy recovery, as documents for a child process."""

from __future__ import annotations

from pathlib import Path

from edgecnn.core.documents.arguments import arguments
from edgecnn.quantization.kernels import Kernels


@arguments
class EqualizeParameters:
    """Settings of equalization and bias correction.

    Attributes:
        kernels: Properties of the target's integer kernels.
        images: Largest number of calibration images.
        seed: Seed of the choice of images.
        entry: Largest number of layers at the network's entry that may stay in float.
        float_macs: Largest share of the multiply-accumulates that these layers may have.
    """

    kernels: Kernels
    images: int = 100
    seed: int = 0
    entry: int = 0
    float_macs: float = 0.2


@arguments
class RoundParameters:
    """Settings of the rounding of weights.

    Attributes:
        kernels: Properties of the target's integer kernels.
        images: Largest number of calibration images.
        seed: Seed of the choice of images and of positions in them.
        iterations: Steps of gradient descent for each layer.
    """

    kernels: Kernels
    images: int = 100
    seed: int = 0
    iterations: int = 400


@arguments
class LayerSensitivityParameters:
    """Limits of the layers that stay in float, and the quality that they must reach.

    Attributes:
        kernels: Properties of the target's integer kernels.
        images: Largest number of calibration images.
        seed: Seed of the choice of images.
        sqnr_db: Signal to quantization noise ratio of the outputs that is enough.
        agreement: Share of images with the float network's best output that is enough.
        most: Largest number of layers that may stay in float.
        float_macs: Largest share of the multiply-accumulates that these layers may have.
    """

    kernels: Kernels
    images: int = 32
    seed: int = 0
    sqnr_db: float = 20.0
    agreement: float = 0.97
    most: int = 5
    float_macs: float = 0.2


@arguments
class EqualizeRequest:
    """A checkpoint to equalize, with a prepared calibration set; the result is written to ``out``."""

    checkpoint: Path
    calibration: Path
    out: Path
    how: EqualizeParameters


@arguments
class RoundRequest:
    """A checkpoint to round, with a prepared calibration set; the result is written to ``out``."""

    checkpoint: Path
    calibration: Path
    out: Path
    how: RoundParameters


@arguments
class LayerSensitivityRequest:
    """A checkpoint to analyse, with a prepared calibration set; the result is written to ``out``."""

    checkpoint: Path
    calibration: Path
    out: Path
    how: LayerSensitivityParameters
