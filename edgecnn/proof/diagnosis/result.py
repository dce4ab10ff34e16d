"""Which layer of an int8 network broke: what is known of each, in the order of their effect on the task."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from edgecnn.proof.diagnosis.layer_statistics import ChannelFacts, RangeFacts, WeightFacts

STANDS_OUT = 0.5
"""Share of all layers' error above which one layer is called the worst."""

AMPLE_DB = 30.0
"""Signal to noise ratio of the whole network from which nothing needs to be mended."""


@dataclass(frozen=True)
class LayerDiagnosis:
    """What is known of one layer. Ratios are in dB, infinite where there is no error at all.

    Attributes:
        name: The float file's name of the layer.
        module: The network's name of the layer; None where it is unknown.
        operation: What it computes in the float file, such as ``Conv+Clip``.
        position: Place in the order of execution, from 0.
        accumulated_sqnr_db: Of its output in the int8 file, reference execution, against the float file.
        alone_sqnr_db: Of its output when it alone is int8, reference execution.
        shipping_sqnr_db: The same in shipping execution.
        kernel_gap_steps: Largest difference of the two executions, in steps of the output's grid.
        effect_sqnr_db: Of the network's outputs when it alone is int8, shipping execution.
        effect_share: Its share of the error that all layers, each alone, cause at the outputs.
        agreement: Share of images that keep their class when it alone is int8; None where the network answers
            with something else than one score a class.
        top1_drop: Share of images that lose their right class so, less those that gain it; None where one
            has no label.
        range: Of its output; None where that stays float.
        channels: Of its output; None where it could not be computed.
        weights: None where it has none, or they could not be compared.
        problem: Why it could not be measured; then all ratios are NaN.
        cause: What is suspected, in words; None where nothing is unusual.
        fix: Keys to set in the target, such as ``{"quantize": {"ranges": "extremes"}}``.
    """

    name: str
    module: str | None
    operation: str
    position: int
    accumulated_sqnr_db: float
    alone_sqnr_db: float
    shipping_sqnr_db: float
    kernel_gap_steps: float
    effect_sqnr_db: float
    effect_share: float
    agreement: float | None
    top1_drop: float | None
    range: RangeFacts | None
    channels: ChannelFacts | None
    weights: WeightFacts | None
    problem: str | None = None
    cause: str | None = None
    fix: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What readers call the layer."""
        return self.module or self.name

    @property
    def kernel_gap_db(self) -> float:
        """What the shipping kernels lose to the reference kernels, in dB."""
        if self.alone_sqnr_db == self.shipping_sqnr_db:  # both infinite
            return 0.0
        return self.alone_sqnr_db - self.shipping_sqnr_db

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LayerDiagnosis:
        """Rebuild a diagnosis from its plain data."""
        parts = {"range": RangeFacts, "channels": ChannelFacts, "weights": WeightFacts}
        rebuilt = {
            name: None if data[name] is None else kind(**_with_tuples(data[name]))
            for name, kind in parts.items()
        }
        return cls(**{**data, **rebuilt})

    @property
    def _rank(self) -> tuple[bool, float, float]:
        return (self.problem is not None, self.effect_sqnr_db, self.alone_sqnr_db)


@dataclass(frozen=True)
class Whole:
    """What the whole int8 file answers, against the float file.

    Attributes:
        sqnr_db: Of the outputs in shipping execution.
        reference_sqnr_db: Of the outputs in reference execution; NaN where it could not be run.
        agreement: Share of images with the float file's class; None without classes.
        top1: Share of images with the right class; None without labels.
        float_top1: The same of the float file.
        tied: Share of images whose best score is shared by two classes.
        clipped: Share of images whose scores pile up at an end of the range.
    """

    sqnr_db: float
    reference_sqnr_db: float
    agreement: float | None
    top1: float | None
    float_top1: float | None
    tied: float
    clipped: float


@dataclass(frozen=True)
class Diagnosis:
    """Every layer of an int8 file, the one with the largest effect on the task first.

    Attributes:
        model: The int8 file.
        float_model: The float file.
        format: Of both.
        target: The artifact's target; None for a plain file.
        images: Number of images.
        whole: The whole file.
        layers: Ranked; those that could not be measured last.
        kernels: What counts as shipping execution here.
    """

    model: str
    float_model: str
    format: str
    target: str | None
    images: int
    whole: Whole
    layers: tuple[LayerDiagnosis, ...]
    kernels: str

    @property
    def worst(self) -> LayerDiagnosis | None:
        """The layer that stands out, if one does."""
        first = self.layers[0]
        broken = self.whole.sqnr_db < AMPLE_DB and first.problem is None
        return first if broken and first.effect_share >= STANDS_OUT else None

    @property
    def headline(self) -> str:
        """The finding in one sentence."""
        worst, whole = self.worst, f"the int8 file keeps {decibels(self.whole.sqnr_db)}"
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

    def to_json(self) -> dict[str, Any]:
        """Return the diagnosis as plain data; what is not finite is null, and ``headline`` is added."""
        document = asdict(self) | {"headline": self.headline, "worst": self.worst and self.worst.title}
        for layer, plain in zip(self.layers, document["layers"], strict=True):
            plain["kernel_gap_db"] = layer.kernel_gap_db
        plain_data: dict[str, Any] = _finite(document)
        return plain_data


def ranked(layers: list[LayerDiagnosis], noise: list[float]) -> tuple[LayerDiagnosis, ...]:
    """Return layers in the order of their effect on the task, with their shares of the error.

    Args:
        layers: In any order.
        noise: Error energy at the outputs that each causes alone.
    """
    total = sum(noise) or 1.0
    shared = [
        replace(layer, effect_share=energy / total) for layer, energy in zip(layers, noise, strict=True)
    ]
    return tuple(sorted(shared, key=lambda layer: layer._rank))


def decibels(value: float) -> str:
    """Return a ratio for readers.

    >>> decibels(12.34), decibels(math.inf), decibels(math.nan)
    ('12.3 dB', 'no error', '-')
    """
    if math.isnan(value):
        return "-"
    return "no error" if value == math.inf else f"{value:.1f} dB"


def _with_tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
