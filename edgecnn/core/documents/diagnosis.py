"""Which layer of an int8 network broke: what is known of each, in the order of their effect on the task."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue, PlainSerializer, computed_field

from edgecnn.core.documents.document import Document

STANDS_OUT = 0.5
"""Share of all layers' error above which one layer is called the worst."""

AMPLE_DB = 30.0
"""Signal to noise ratio of the whole network from which nothing needs to be mended."""


def _null_if_not_finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _nan_if_null(value: object) -> object:
    return math.nan if value is None else value


Figure = Annotated[
    float, BeforeValidator(_nan_if_null), PlainSerializer(_null_if_not_finite, when_used="json")
]
"""A number that a diagnosis computes; JSON holds null where it is infinite or NaN."""


class RangeFacts(Document):
    """A quantized tensor's range beside what the float network really puts there."""

    low: Figure
    """Smallest value that the grid holds; of all channels where each has its own."""

    high: Figure
    """Largest value that the grid holds."""

    levels: int
    """Number of values that the grid holds."""

    seen_low: Figure
    """Smallest value of the float network on the images."""

    seen_high: Figure
    """Largest value of the float network on the images."""

    clipped: Figure
    """Share of the float values beyond the grid."""

    unused: Figure
    """Share of the grid in which no float value lies."""

    @property
    def excess(self) -> float:
        """How many times wider the grid is than the values on it."""
        return (self.high - self.low) / max(self.seen_high - self.seen_low, 1e-30)


class ChannelFacts(Document):
    """What a float tensor's channels hold."""

    dead: tuple[int, ...]
    """Channels that hold one value on all images."""

    widest: int
    """Channel with the largest span."""

    widest_ratio: Figure
    """Its span over the median live channel's."""


class WeightFacts(Document):
    """A layer's int8 weights beside its float weights."""

    sqnr_db: Figure
    """Signal to quantization noise ratio of the weights, in dB."""

    changed: tuple[int, ...]
    """Output channels whose weights are not the float file's, less than 10 dB apart."""

    gain: Figure
    """How many times the float weights the first changed channel has."""

    outlier: int
    """Output channel with the largest weights."""

    outlier_ratio: Figure
    """Its largest weight over the median channel's."""


class LayerDiagnosis(Document):
    """What is known of one layer. Ratios are in dB, infinite where there is no error at all."""

    name: str
    """The float file's name of the layer."""

    module: str | None
    """The network's name of the layer; None where it is unknown."""

    operation: str
    """What it computes in the float file, such as ``Conv+Clip``."""

    position: int
    """Place in the order of execution, from 0."""

    accumulated_sqnr_db: Figure
    """Of its output in the int8 file, reference execution, against the float file."""

    alone_sqnr_db: Figure
    """Of its output when it alone is int8, reference execution."""

    shipping_sqnr_db: Figure
    """The same in shipping execution."""

    kernel_gap_steps: Figure
    """Largest difference of the two executions, in steps of the output's grid."""

    effect_sqnr_db: Figure
    """Of the network's outputs when it alone is int8, shipping execution."""

    effect_share: Figure
    """Its share of the error that all layers, each alone, cause at the outputs."""

    agreement: float | None
    """Share of images that keep their class when it alone is int8.

    None where the network answers with something else than one score a class.
    """

    top1_drop: float | None
    """Share of images that lose their right class so, less those that gain it; None without labels."""

    range: RangeFacts | None
    """Of its output; None where that stays float."""

    channels: ChannelFacts | None
    """Of its output; None where it could not be computed."""

    weights: WeightFacts | None
    """None where it has none, or they could not be compared."""

    problem: str | None = None
    """Why it could not be measured; then all ratios are NaN."""

    cause: str | None = None
    """What is suspected, in words; None where nothing is unusual."""

    fix: dict[str, JsonValue] = Field(default_factory=dict)
    """Keys to set in the target, such as ``{"quantize": {"ranges": "extremes"}}``."""

    @property
    def title(self) -> str:
        """What readers call the layer."""
        return self.module or self.name

    @computed_field
    @property
    def kernel_gap_db(self) -> Figure:
        """What the shipping kernels lose to the reference kernels, in dB."""
        if self.alone_sqnr_db == self.shipping_sqnr_db:  # both infinite
            return 0.0
        return self.alone_sqnr_db - self.shipping_sqnr_db


class WholeDiagnosis(Document):
    """What the whole int8 file answers, against the float file."""

    sqnr_db: Figure
    """Of the outputs in shipping execution."""

    reference_sqnr_db: Figure
    """Of the outputs in reference execution; NaN where it could not be run."""

    agreement: float | None
    """Share of images with the float file's class; None without classes."""

    top1: float | None
    """Share of images with the right class; None without labels."""

    float_top1: float | None
    """The same of the float file."""

    tied: Figure
    """Share of images whose best score is shared by two classes."""

    clipped: Figure
    """Share of images whose scores pile up at an end of the range."""


class Diagnosis(Document):
    """Every layer of an int8 file, the one with the largest effect on the task first."""

    model: str
    """The int8 file."""

    float_model: str
    """The float file."""

    format: str
    """Format of both files."""

    target: str | None
    """The artifact's target; None for a plain file."""

    images: int
    """Number of images."""

    whole: WholeDiagnosis
    layers: tuple[LayerDiagnosis, ...]
    """Ranked; those that could not be measured come last."""

    kernels: str
    """What counts as shipping execution here."""

    @property
    def worst_layer(self) -> LayerDiagnosis | None:
        """The layer that stands out, if one does."""
        first = self.layers[0]
        broken = self.whole.sqnr_db < AMPLE_DB and first.problem is None
        return first if broken and first.effect_share >= STANDS_OUT else None

    @computed_field
    @property
    def headline(self) -> str:
        """The finding in one sentence."""
        worst, whole = self.worst_layer, f"the int8 file keeps {decibels(self.whole.sqnr_db)}"
        if worst is not None:
            cause = worst.cause or "nothing about it is unusual: 8 bits are too few for it"
            return (
                f"the worst layer is {worst.title} ({worst.operation}), {100 * worst.effect_share:.0f} % of "
                f"the error: {cause}; {whole}, with this layer alone in int8 it is "
                f"{decibels(worst.effect_sqnr_db)}"
            )
        if self.whole.sqnr_db >= AMPLE_DB:
            return f"no layer is broken: {whole} at its outputs"
        measured = [layer for layer in self.layers if layer.problem is None][:3]
        share = 100 * sum(layer.effect_share for layer in measured)
        names = ", ".join(layer.title for layer in measured)
        return f"no single layer stands out: {whole}; {names} cause {share:.0f} % of the error"

    @computed_field
    @property
    def worst(self) -> str | None:
        """What readers call the layer that stands out, if one does."""
        return None if self.worst_layer is None else self.worst_layer.title


def decibels(value: float) -> str:
    """Return a ratio for readers.

    >>> decibels(12.34), decibels(math.inf), decibels(math.nan)
    ('12.3 dB', 'no error', '-')
    """
    if math.isnan(value):
        return "-"
    return "no error" if value == math.inf else f"{value:.1f} dB"
