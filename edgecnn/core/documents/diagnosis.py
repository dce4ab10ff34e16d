"""Diagnosis of an int8 network: findings about each layer, ordered by their effect on the task."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue, PlainSerializer, computed_field

from edgecnn.core.documents.document import Document

STANDS_OUT = 0.5
"""Share of all layers' error above which a layer is called the worst."""

AMPLE_DB = 30.0
"""Signal to noise ratio of the whole network above which nothing needs repair."""


def _null_if_not_finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _nan_if_null(value: object) -> object:
    return math.nan if value is None else value


Figure = Annotated[
    float, BeforeValidator(_nan_if_null), PlainSerializer(_null_if_not_finite, when_used="json")
]
"""A computed number; JSON has null if it is infinite or NaN."""


class RangeFacts(Document):
    """A quantized tensor's range compared with the float network's values."""

    low: Figure
    """Smallest value of the grid, over all channels."""

    high: Figure
    """Largest value of the grid."""

    levels: int
    """Number of values of the grid."""

    seen_low: Figure
    """Smallest value of the float network on the images."""

    seen_high: Figure
    """Largest value of the float network on the images."""

    clipped: Figure
    """Share of the float values outside the grid."""

    unused: Figure
    """Share of the grid that contains no float value."""

    @property
    def excess(self) -> float:
        """Return the width of the grid as a multiple of the width of the values."""
        return (self.high - self.low) / max(self.seen_high - self.seen_low, 1e-30)


class ChannelFacts(Document):
    """Statistics of a float tensor's channels."""

    dead: tuple[int, ...]
    """Channels with the same value on all images."""

    widest: int
    """Channel with the largest span."""

    widest_ratio: Figure
    """Its span as a multiple of the median live channel's."""


class WeightFacts(Document):
    """A layer's int8 weights compared with its float weights."""

    sqnr_db: Figure
    """Signal to quantization noise ratio of the weights, in dB."""

    changed: tuple[int, ...]
    """Output channels whose weights differ from the float file's: less than 10 dB."""

    gain: Figure
    """Scale of the first changed channel's weights relative to the float weights (2.0: twice as large)."""

    outlier: int
    """Output channel with the largest weights."""

    outlier_ratio: Figure
    """Its largest weight as a multiple of the median channel's."""


class LayerDiagnosis(Document):
    """Findings about one layer. Ratios are in dB, infinite without any error."""

    name: str
    """The float file's name of the layer."""

    module: str | None
    """The network's name of the layer; None where it is unknown."""

    operation: str
    """Its operations in the float file, such as ``Conv+Clip``."""

    position: int
    """Index in the order of execution, from 0."""

    accumulated_sqnr_db: Figure
    """SQNR of its output in the int8 file, in reference execution, against the float file."""

    alone_sqnr_db: Figure
    """SQNR of its output with only this layer in int8, in reference execution."""

    shipping_sqnr_db: Figure
    """SQNR of its output with only this layer in int8, in shipping execution."""

    kernel_gap_steps: Figure
    """Largest difference between the two executions, in steps of the output's grid."""

    effect_sqnr_db: Figure
    """SQNR of the network's outputs with only this layer in int8, in shipping execution."""

    effect_share: Figure
    """Its share of the sum of the errors that each layer alone causes at the outputs."""

    agreement: float | None
    """Share of images that keep their class with only this layer in int8.

    None if the network's output is not one score per class.
    """

    top1_drop: float | None
    """Share of images that then lose their right class, minus those that gain it; None without labels."""

    range: RangeFacts | None
    """Range of its output; None if the output stays float."""

    channels: ChannelFacts | None
    """Channels of its output; None if it could not be computed."""

    weights: WeightFacts | None
    """Weights; None if it has none, or they could not be compared."""

    problem: str | None = None
    """Reason why it could not be measured; then all ratios are NaN."""

    cause: str | None = None
    """Suspected cause in words; None if nothing is unusual."""

    fix: dict[str, JsonValue] = Field(default_factory=dict)
    """Keys to set in the target, such as ``{"quantize": {"ranges": "extremes"}}``."""

    @property
    def title(self) -> str:
        """Return the layer's name in reports."""
        return self.module or self.name

    @computed_field
    @property
    def kernel_gap_db(self) -> Figure:
        """Return the loss from reference to shipping kernels, in dB."""
        if self.alone_sqnr_db == self.shipping_sqnr_db:  # both infinite
            return 0.0
        return self.alone_sqnr_db - self.shipping_sqnr_db


class WholeDiagnosis(Document):
    """Outputs of the whole int8 file compared with the float file's."""

    sqnr_db: Figure
    """SQNR of the outputs in shipping execution."""

    reference_sqnr_db: Figure
    """SQNR of the outputs in reference execution; NaN if it could not be run."""

    agreement: float | None
    """Share of images with the float file's class; None without classes."""

    top1: float | None
    """Share of images with the right class; None without labels."""

    float_top1: float | None
    """Share of images with the right class in the float file."""

    tied: Figure
    """Share of images whose best score belongs to two classes."""

    clipped: Figure
    """Share of images whose scores reach an end of the range together with others."""


class Diagnosis(Document):
    """Findings about every layer of an int8 file, beginning with the largest effect on the task."""

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
    """Layers by rank; those that could not be measured come last."""

    kernels: str
    """The execution that counts as shipping here."""

    @property
    def worst_layer(self) -> LayerDiagnosis | None:
        """Return the layer that stands out, if there is one."""
        first = self.layers[0]
        broken = self.whole.sqnr_db < AMPLE_DB and first.problem is None
        return first if broken and first.effect_share >= STANDS_OUT else None

    @computed_field
    @property
    def headline(self) -> str:
        """Return the finding in one sentence."""
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
        """Return the name in reports of the layer that stands out, if there is one."""
        return None if self.worst_layer is None else self.worst_layer.title


def decibels(value: float) -> str:
    """Return a ratio as text.

    >>> decibels(12.34), decibels(math.inf), decibels(math.nan)
    ('12.3 dB', 'no error', '-')
    """
    if math.isnan(value):
        return "-"
    return "no error" if value == math.inf else f"{value:.1f} dB"
