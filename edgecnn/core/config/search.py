"""The ``search`` section of a pipeline."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from edgecnn.core.config.base import Schema
from edgecnn.core.config.bounds import BoundedSchema
from edgecnn.core.config.quantities import Fraction, Ratio, Size
from edgecnn.core.config.quantization import Rung

Quantization = Literal["fp32", "fp16", "int8"] | Rung
"""A precision, or int8 by one rung of the recovery ladder; ``int8`` climbs as far as necessary."""

MOST_COMBINATIONS = 1_000


class SearchBudgets(BoundedSchema):
    """Limits of a combination on one target, relative to the pipeline's network as given."""

    accuracy_drop: Fraction
    """Largest loss of the task metric against the original network in fp32; size alone must not decide."""

    latency_ratio: Annotated[Ratio, Field(gt=0)] | None = None
    """Largest latency, as a multiple of the original network's float32 file in the same runtime."""

    size: Size | None = None
    """Largest size of the model files, such as ``500 kB``."""


class SearchSettings(Schema):
    """Budgets and the values to try; values that are left out are chosen by the network's family."""

    budgets: dict[str, SearchBudgets]
    """Limits by target; ``*`` stands for every target of the pipeline."""

    width: tuple[Annotated[float, Field(gt=0, le=4)], ...] | None = Field(default=None, min_length=1)
    """Values of the builder's argument ``width``, which multiplies every channel count."""

    input: tuple[Annotated[int, Field(ge=8, le=4096)], ...] | None = Field(default=None, min_length=1)
    """Heights of the input in pixels; the width keeps the proportion."""

    macs: tuple[Annotated[Fraction, Field(gt=0, le=1)], ...] | None = Field(default=None, min_length=1)
    """Shares of the multiply-accumulates that pruning leaves; 1 for no pruning. ``prune`` sets the method."""

    quantization: tuple[Quantization, ...] | None = Field(default=None, min_length=1)
    """Quantization of the files; by default as the target specifies."""

    factor: int = Field(default=3, ge=2, le=10)
    """One of this many candidates is trained further, for this many times as long."""

    rungs: int = Field(default=3, ge=1, le=8)
    """Largest number of training lengths; the last is as long as the pipeline's."""

    @field_validator("budgets")
    @classmethod
    def _some_budgets(cls, value: dict[str, SearchBudgets]) -> dict[str, SearchBudgets]:
        if not value:
            raise ValueError("budgets of at least one target are needed")
        return value
