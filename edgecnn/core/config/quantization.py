"""How a target is quantized: the ``quantize`` section of a target."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from edgecnn.core.config.base import Schema

Rung = Literal["plain", "ranges", "equalize", "entry", "adaround", "mixed", "qat"]
"""A step of the recovery ladder, cheapest first."""

RUNGS: tuple[Rung, ...] = ("plain", "ranges", "equalize", "entry", "adaround", "mixed", "qat")

RangeMethod = Literal["auto", "search", "average", "extremes", "percentile", "mse", "entropy"]


class QuantizeConfig(Schema):
    """Options of quantization; a format refuses what it has not."""

    method: Literal["auto"] | Rung = "auto"
    """A rung of the ladder, or ``auto``: the cheapest that meets the target's accuracy budget."""

    ranges: RangeMethod | float | None = None
    """How activation ranges are estimated; a number is the share of the way from average to extremes."""

    float_layers: tuple[str, ...] = Field(default=())
    """Layers, as the network's modules are called, that stay in floating point."""

    dense_as_conv: bool = False
    """Whether TFLite's fully connected layers become 1x1 convolutions."""

    integer_outputs: bool = False
    """Whether dense layers that give an output of an ONNX file give it in integers too, as NPUs want it."""

    def options(self) -> dict[str, JsonValue]:
        """Return what is given of all but the method, for a format's quantizer.

        >>> QuantizeConfig(method="plain", ranges="mse").options()
        {'ranges': 'mse'}
        """
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"method"})
