"""Quantization of a target: its ``quantize`` section."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from edgecnn.core.config.base import Schema

Rung = Literal["plain", "ranges", "equalize", "entry", "adaround", "mixed", "qat"]
"""A step of the recovery ladder, cheapest first."""

RUNGS: tuple[Rung, ...] = ("plain", "ranges", "equalize", "entry", "adaround", "mixed", "qat")

RangeMethod = Literal["auto", "search", "average", "extremes", "percentile", "mse", "entropy"]


class QuantizeConfig(Schema):
    """Options of quantization; a format refuses those that it does not support."""

    method: Literal["auto"] | Rung = "auto"
    """A rung of the ladder, or ``auto``: the cheapest rung that meets the target's accuracy budget."""

    ranges: RangeMethod | float | None = None
    """Estimation of activation ranges; a number is the share of the way from average to extremes."""

    float_layers: tuple[str, ...] = Field(default=())
    """Layers that stay in floating point, by the names of the network's modules."""

    dense_as_conv: bool = False
    """Whether TFLite's fully connected layers become 1x1 convolutions."""

    integer_outputs: bool = False
    """Whether dense layers at an output of an ONNX file return integers, as NPUs need."""

    def options(self) -> dict[str, JsonValue]:
        """Return the given options except the method, for a format's quantizer.

        >>> QuantizeConfig(method="plain", ranges="mse").options()
        {'ranges': 'mse'}
        """
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"method"})
