"""Activation ranges, estimated from the observed values of all calibration images.

A format's backend observes the smallest and largest value of every tensor, image by image, and on request a
sample of the values between; it gives the estimated ranges to its native quantizer as data.

The plain estimates interpolate between two classics: the average of the per-image extremes (the moving
average of Jacob et al. 2018, arXiv:1712.05877, section 3.1, without its dependence on the order of the
images), which clips outliers, and the extremes over all images, which clip nothing. Others use the
distribution (:mod:`edgecnn.quantization.estimators`). The best estimate depends on the network: with ImageNet
weights it is 0.6 of the way for EfficientNet-Lite0, and 0 for MobileNetV2, whose outliers are rare and large;
MobileNetV3, with its hard-swish, needs the full extremes. Part of the calibration images is therefore held
out to choose. Graph outputs always get their extremes: clipping an output would lose the scores that decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.core.documents.quantization import RangeNotes
from edgecnn.core.doing import say
from edgecnn.core.errors import InputError
from edgecnn.quantization.estimators import DISTRIBUTION_ESTIMATORS
from edgecnn.quantization.sqnr import mean_sqnr_db

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from edgecnn.quantization.sqnr import Answer, Values

Method = float | str
"""Estimation method: the share of the way from averages to extremes, or an estimator's name."""

BLENDS: tuple[Method, ...] = (0.0, 0.3, 0.6, 1.0)
"""Tried shares of the way from the averages to the extremes."""

EVERY_METHOD: tuple[Method, ...] = (*BLENDS, *DISTRIBUTION_ESTIMATORS)

UNTRIED: Method = 0.6
"""Method if there are too few images to choose one."""

SAMPLED = 1024
"""Number of sampled values of each tensor and image."""

MIN_TO_CHOOSE = 16
"""Smallest number of images for a meaningful held-out part."""

SIGMOID_LIMIT = 8.0
"""A sigmoid in int8, with a step of 1/256, is constant beyond this value, so its input is clipped there."""

GATE_LIMIT = 6.0
"""``x * sigmoid(x)`` is almost zero below minus this value, so its input is clipped there."""

_HOLD_OUT_EVERY = 3


@dataclass(frozen=True)
class Range:
    """The real values that a tensor's quantization grid spans."""

    low: float
    high: float


def channel_name(tensor: str, channel: int) -> str:
    """Return the name of the range of one channel of a tensor."""
    return f"{tensor}#{channel}"


@dataclass(frozen=True)
class Observations:
    """Observed values of all calibration images.

    Attributes:
        names: Names of the tensors.
        low: Smallest value, float32 ``[images, tensors]``.
        high: Largest value, float32 ``[images, tensors]``.
        samples: Some values of every tensor, one flat array per image; empty if not requested.
    """

    names: tuple[str, ...]
    low: Values
    high: Values
    samples: dict[str, tuple[Values, ...]] = field(default_factory=dict)

    @classmethod
    def gather(
        cls,
        images: Iterable[Mapping[str, tuple[float, float]]],
        samples: Mapping[str, Sequence[Values]] | None = None,
    ) -> Observations:
        """Collect mappings from tensor name to smallest and largest value, one per image.

        Args:
            images: The mappings; ``samples`` is read once they are exhausted.
            samples: Arrays of values by tensor, one per image.

        Raises:
            InputError: There is no image, or a tensor holds a value that is not finite.
        """
        rows = list(images)
        if not rows:
            raise InputError("no calibration image was observed")
        names = tuple(rows[0])
        bounds = np.array([[row[name] for name in names] for row in rows], np.float32)
        bounds = bounds.reshape(len(rows), len(names), 2)
        broken = ~np.isfinite(bounds).all(axis=(0, 2))
        if broken.any():
            raise InputError(
                f"tensor {names[int(broken.argmax())]} holds values that are not finite",
                hint="the weights are damaged, or the input is scaled wrongly",
            )
        kept = {name: tuple(arrays) for name, arrays in (samples or {}).items()}
        return cls(names, bounds[..., 0], bounds[..., 1], kept)

    def __len__(self) -> int:
        return len(self.low)

    def with_range(self, name: str, bounds: Range) -> Observations:
        """Return a copy in which one tensor has the given range on every image."""
        if name not in self.names:
            return self
        low, high, place = self.low.copy(), self.high.copy(), self.names.index(name)
        low[:, place], high[:, place] = bounds.low, bounds.high
        samples = {other: arrays for other, arrays in self.samples.items() if other != name}
        return Observations(self.names, low, high, samples)

    def within(self, names: Collection[str], limit: float) -> Observations:
        """Return a copy with some tensors clipped at plus and minus a limit."""
        places = [place for place, name in enumerate(self.names) if name in names]
        low, high = self.low.copy(), self.high.copy()
        for values in (low, high):
            values[:, places] = values[:, places].clip(-limit, limit)
        samples = {
            name: tuple(array.clip(-limit, limit) for array in arrays) if name in names else arrays
            for name, arrays in self.samples.items()
        }
        return Observations(self.names, low, high, samples)

    def above(self, names: Collection[str], limit: float) -> Observations:
        """Return a copy with some tensors clipped below, at minus a limit or minus their largest value.

        Equalized channels of a tensor have units of their own; the limit applies to the widest.
        """
        places = [place for place, name in enumerate(self.names) if name in names]
        low, samples = self.low.copy(), dict(self.samples)
        for place in places:
            name, floor = self.names[place], -max(limit, float(self.high[:, place].max()))
            low[:, place] = low[:, place].clip(min=floor)
            if name in samples:
                samples[name] = tuple(array.clip(min=floor) for array in samples[name])
        return Observations(self.names, low, self.high, samples)

    def of(self, images: Sequence[int]) -> Observations:
        """Return the observations of some of the images."""
        chosen = list(images)
        samples = {name: tuple(arrays[index] for index in chosen) for name, arrays in self.samples.items()}
        return Observations(self.names, self.low[chosen], self.high[chosen], samples)


def sample_places(count: int) -> npt.NDArray[np.int64]:
    """Return the indices of the sampled ones of a tensor's ``count`` values, the same for every image.

    >>> sample_places(3).tolist(), len(sample_places(10_000))
    ([0, 1, 2], 1024)
    """
    if count <= SAMPLED:
        return np.arange(count, dtype=np.int64)
    return np.sort(np.random.default_rng(count).choice(count, SAMPLED, replace=False)).astype(np.int64)


def estimate(seen: Observations, outputs: Collection[str], method: Method) -> dict[str, Range]:
    """Estimate one range per tensor.

    Args:
        seen: Observed values, with samples if the method needs them.
        outputs: Tensors that keep their full extremes, as do tensors without a sample if one is needed.
        method: Method for all other tensors: the share of the way from the averages to the extremes, 0 to 1,
            or
        the name of an estimator.

    >>> seen = Observations.gather([{"a": (0.0, 1.0)}, {"a": (-1.0, 3.0)}])
    >>> estimate(seen, (), 0.5)
    {'a': Range(low=-0.75, high=2.5)}
    >>> estimate(seen, ("a",), 0.5)
    {'a': Range(low=-1.0, high=3.0)}
    """
    if isinstance(method, str):
        whole = _blend(seen, outputs, 1.0)
        estimator = DISTRIBUTION_ESTIMATORS[method]
        return {
            name: extremes
            if name in outputs or name not in seen.samples
            else Range(*estimator(np.concatenate(seen.samples[name])))
            for name, extremes in whole.items()
        }
    return _blend(seen, outputs, method)


def _blend(seen: Observations, outputs: Collection[str], extremes: float) -> dict[str, Range]:
    share = np.array([1.0 if name in outputs else extremes for name in seen.names])
    low, high = seen.low.astype(np.float64), seen.high.astype(np.float64)
    lows = low.mean(axis=0) + share * (low.min(axis=0) - low.mean(axis=0))
    highs = high.mean(axis=0) + share * (high.max(axis=0) - high.mean(axis=0))
    return {
        name: Range(float(bottom), float(top))
        for name, bottom, top in zip(seen.names, lows, highs, strict=True)
    }


@dataclass(frozen=True)
class Choice:
    """The chosen ranges and the reason for the choice.

    Attributes:
        ranges: Ranges by tensor, estimated from all images.
        method: Chosen method.
        held_out_sqnr_db: Signal to quantization noise ratio on the held-out images for every method tried;
            empty
        if the method was given or there were too few images.
    """

    ranges: dict[str, Range]
    method: Method
    held_out_sqnr_db: dict[Method, float]

    def notes(self) -> RangeNotes:
        """Return the notes on the choice for the manifest."""
        tried = {
            str(method): round(quality, 2) if np.isfinite(quality) else None
            for method, quality in self.held_out_sqnr_db.items()
        }
        return RangeNotes(method=self.method, held_out_sqnr_db=tried)


def choose(
    seen: Observations,
    outputs: Collection[str],
    methods: Sequence[Method],
    truth: Sequence[Answer],
    quantized: Callable[[dict[str, Range], Sequence[int]], Sequence[Answer]],
) -> Choice:
    """Choose the estimation method by the quality on a held-out third of the images.

    Args:
        seen: Observed values.
        outputs: Names of the graph's outputs among the tensors.
        methods: Methods to try; a single one is used without a trial.
        truth: The float network's outputs, one entry per image.
        quantized: Quantizes with the given ranges and returns the outputs for the images of the given
            indices, in
        the form of ``truth``.
    """
    if len(methods) == 1 or len(seen) < MIN_TO_CHOOSE:
        method = methods[0] if len(methods) == 1 else UNTRIED
        return Choice(estimate(seen, outputs, method), method, {})
    held_out = range(_HOLD_OUT_EVERY - 1, len(seen), _HOLD_OUT_EVERY)
    fitted = seen.of([index for index in range(len(seen)) if index not in held_out])
    answers, quality = [truth[index] for index in held_out], {}
    for method in methods:
        say(f"trying the ranges of method {method}")
        quality[method] = mean_sqnr_db(answers, quantized(estimate(fitted, outputs, method), held_out))
    best = max(quality, key=quality.__getitem__)
    return Choice(estimate(seen, outputs, best), best, quality)
