"""Running sums over images, so that a diagnosis holds a few tensors instead of all of them."""

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
    """Energy of a signal and of its error.

    Attributes:
        signal: Sum of squares of the correct values.
        noise: Sum of squares of the errors.
    """

    signal: float = 0.0
    noise: float = 0.0

    def add(self, want: Values, have: Values) -> None:
        """Add a tensor with its correct values."""
        self.signal += float(np.square(want, dtype=np.float64).sum())
        self.noise += float(np.square(np.subtract(want, have, dtype=np.float64)).sum())

    @property
    def db(self) -> float:
        """Return the signal to quantization noise ratio in dB; infinite without noise, NaN without values.

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
    """Range of a float tensor, and the share of its values that the int8 grid clips.

    Attributes:
        axis: Channel axis of the tensor.
        low: Smallest value of each channel, ``[C]``; None before the first tensor.
        high: Largest value of each channel, ``[C]``.
        count: Number of values seen.
        clipped: Number of values outside the grid by more than half a step.
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
    """Outputs of a network compared with those of the float network.

    Attributes:
        noise: Error of all outputs.
        images: Number of images.
        agreed: Images with the float network's class.
        right: Images with the class of their label.
    """

    noise: Noise = field(default_factory=Noise)
    images: int = 0
    agreed: int = 0
    right: int = 0

    def add(self, truth: Sequence[Values], outputs: Sequence[Values], label: int) -> None:
        """Add one image's outputs; the class is the largest value of the first output."""
        for want, have in zip(truth, outputs, strict=True):
            self.noise.add(want, have)
        best = int(outputs[0].argmax())
        self.images += 1
        self.agreed += best == int(truth[0].argmax())
        self.right += best == label


@dataclass
class PieceTally:
    """All sums of one piece.

    Attributes:
        span: Range of its float output.
        accumulated: Error of its output in the int8 file, in reference execution, against the float file.
        alone: Its own error: int8 in reference execution against float arithmetic on the same inputs.
        shipping: Its own error in shipping execution.
        largest_gap: Largest difference between the two executions, in steps of the output's grid.
        votes: Outputs of the float network with only this piece's error, in shipping execution.
        problem: Reason why it could not be measured.
    """

    span: Span
    accumulated: Noise = field(default_factory=Noise)
    alone: Noise = field(default_factory=Noise)
    shipping: Noise = field(default_factory=Noise)
    largest_gap: float = 0.0
    votes: Votes = field(default_factory=Votes)
    problem: str | None = None
