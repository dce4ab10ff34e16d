"""Notes on a quantization: its scheme, the ranges, and the outputs on the calibration images."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from edgecnn.core.documents.document import Document


class CalibrationNotes(Document):
    """The calibration set."""

    images: int
    """Number of images."""

    digest: str
    """Digest of the prepared set."""


class RangeNotes(Document):
    """The estimation of activation ranges."""

    method: float | str
    """The share of the extremes, or the name of the method."""

    outputs: str = "extremes"
    """The method for the network's outputs."""

    held_out_sqnr_db: dict[str, float | None] = Field(default_factory=dict)
    """Signal to quantization noise on the held-out images, by method; None where it is infinite."""


class OutputHealth(Document):
    """One output of a quantized network beside the float network's, on the calibration images."""

    sqnr_db: float | None
    """Signal to quantization noise ratio; None where it is infinite."""

    agreement: float
    """Share of images with the same best score."""

    tied: int
    """Number of images whose best score is shared."""

    clipped: int
    """Number of images with a float value outside the range."""


class CalibrationHealth(OutputHealth):
    """All outputs of a quantized network; the figures on top are those of the worst output."""

    left_out: ClassVar[frozenset[str]] = frozenset({"worst", "outputs"})

    worst: str = ""
    """Name of the worst output; empty where there is only one."""

    outputs: dict[str, OutputHealth] = Field(default_factory=dict)
    """The figures of each output by name, where there are several."""


class QuantizationNotes(Document):
    """Notes of every quantizer for the manifest."""

    scheme: str
    """The types of activations and weights, in words."""

    tools: dict[str, str]
    """Versions of the packages that quantized."""


class IntegerNotes(QuantizationNotes):
    """Notes of an int8 quantizer for the manifest."""

    left_out: ClassVar[frozenset[str]] = frozenset({"dense_as_conv"})

    float_layers: tuple[str, ...] = ()
    """Names of the layers that stay in float, as requested."""

    calibration: CalibrationNotes
    ranges: RangeNotes
    on_calibration_images: CalibrationHealth
    dense_as_conv: int | None = None
    """Number of dense layers that became convolutions; None where the format has no such option."""


Figures = dict[str, float | None]
"""Quality of a simulated network by the name of each figure; None where one is not finite."""


class RecoveryNotes(Document):
    """Notes on an accuracy recovery."""

    method: str
    scheme: str
    """The scheme of the weights."""

    calibration: CalibrationNotes
    folded: tuple[str, ...]
    """Names of the batch norms that were folded into the layers before them."""

    gates: tuple[str, ...]
    """Names of the gates whose channels share a range."""

    equalized: tuple[str, ...]
    """Names of the layers whose channels were evened out; none where that did not help."""

    ranges: RangeNotes
    constant_channels: dict[str, int]
    """Number of output channels that hold one value on all images, by layer, where there are any."""

    simulated: dict[str, Figures]
    """Quality of the simulated int8 network after each step."""

    layers: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Changes to each layer: its bias correction and, if its weights were rounded, the errors."""


class FloatLayers(Document):
    """The layers that stay in float."""

    float_layers: list[str]


class RankedLayer(Document):
    """The effect of quantizing one layer."""

    name: str
    alone: Figures
    """Quality with this layer quantized and no other."""

    without: Figures
    """Quality with all layers quantized but this."""


class LayerRanking(FloatLayers):
    """All layers, ordered by their loss, and those that stay in float."""

    quality: dict[str, Figures]
    """Quality ``before`` any layer stays in float, and ``after`` the chosen ones do."""

    enough: bool
    """Whether the quality afterwards is at least the requested one."""

    ranking: list[RankedLayer]
