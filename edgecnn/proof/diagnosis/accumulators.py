"""Sums that grow image by image, so that a diagnosis holds a few tensors and not all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.backends.dissection import Grid

Values = npt.NDArray[np.float32]


@dataclass
class Noise:
    """Energy of what should be there and of its error.

    Attributes:
        signal: Sum of squares of the right values.
        noise: Sum of squares of the errors.
    """

    signal: float = 0.0
    noise: float = 0.0

    def add(self, want: Values, have: Values) -> None:
        """Add one tensor beside its right values."""
        self.signal += float(np.square(want, dtype=np.float64).sum())
        self.noise += float(np.square(np.subtract(want, have, dtype=np.float64)).sum())

    @property
    def db(self) -> float:
        """Signal to quantization noise ratio in dB; infinite without noise, NaN without anything.

        >>> tally = Noise()
        >>> tally.add(np.float32([3, 4]), np.float32([3, 4.5]))
        >>> round(tally.db, 6)
        20.0
        """
        if self.noise == 0.0:
            return math.inf if self.signal else math.nan
        return 10.0 * math.log10(self.signal / self.noise) if self.signal else -math.inf


@dataclass
class Span:
    """What a float tensor holds, against the grid that its int8 counterpart has.

    Attributes:
        axis: Channel axis of the tensor.
        low: Smallest value of each channel, ``[C]``; None before the first tensor.
        high: Largest value of each channel, ``[C]``.
        count: Number of values seen.
        clipped: Number of values beyond the grid by more than half a step.
    """

    axis: int
    low: Values | None = None
    high: Values | None = None
    count: int = 0
    clipped: int = 0

    def add(self, values: Values, grid: Grid | None) -> None:
        """Add one tensor."""
        others = tuple(axis for axis in range(values.ndim) if axis != self.axis % values.ndim)
        low, high = values.min(axis=others), values.max(axis=others)
        self.low = low if self.low is None else np.minimum(self.low, low)
        self.high = high if self.high is None else np.maximum(self.high, high)
        self.count += values.size
        if grid is not None:
            margin = grid.step / 2
            beyond = (values < grid.low - margin) | (values > grid.high + margin)
            self.clipped += int(np.count_nonzero(beyond))


@dataclass
class Votes:
    """What a network's outputs say beside those of the float network.

    Attributes:
        noise: Of all outputs.
        images: Number of images.
        agreed: Images with the float network's class.
        right: Images with the class of their label.
    """

    noise: Noise = field(default_factory=Noise)
    images: int = 0
    agreed: int = 0
    right: int = 0

    def add(self, truth: Sequence[Values], outputs: Sequence[Values], label: int) -> None:
        """Add one image's outputs; the class is the largest value of the first."""
        for want, have in zip(truth, outputs, strict=True):
            self.noise.add(want, have)
        best = int(outputs[0].argmax())
        self.images += 1
        self.agreed += best == int(truth[0].argmax())
        self.right += best == label


@dataclass
class PieceTally:
    """Everything that is summed up of one piece.

    Attributes:
        span: Of its float output.
        accumulated: Of its output in the int8 file, in reference execution, against the float file.
        alone: Its own error: in int8, reference execution, against float arithmetic on the same inputs.
        shipping: The same in shipping execution.
        largest_gap: Largest difference of the two executions, in steps of the output's grid.
        votes: The float network's outputs when the piece alone errs, in shipping execution.
        problem: Why it could not be measured.
    """

    span: Span
    accumulated: Noise = field(default_factory=Noise)
    alone: Noise = field(default_factory=Noise)
    shipping: Noise = field(default_factory=Noise)
    largest_gap: float = 0.0
    votes: Votes = field(default_factory=Votes)
    problem: str | None = None
