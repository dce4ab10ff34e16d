"""Limits of each link of the verification chain, as data that a target may override."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal

from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

IMPORT_SQNR_DB = 60.0
"""Limit of link 0. Both sides compute in float32: networks that were read rightly reach 100 dB and more, and
a misread operation leaves less than 20 dB."""


@dataclass(frozen=True)
class Limits:
    """Limits of links 1 to 4, as :class:`edgecnn.core.config.target.VerificationLimits` describes each.

    The defaults are those of an fp32 target.
    """

    conversion_sqnr_db: float = 60.0
    quantization_sqnr_db: float = 60.0
    quantization_agreement: float = 0.99
    quantization_map_sqnr_db: float = 60.0
    quantization_collapsed: float = 0.0
    quantization_score_levels: float = 0.0
    kernels_gap_db: float = 3.0
    kernels_ample_db: float = 60.0
    kernels_agreement: float = 0.99
    kernels_max_abs: float = math.inf
    kernels_max_steps: float = math.inf
    task_drop: float = 0.005

    @classmethod
    def of(
        cls, precision: Literal["fp32", "fp16", "int8"], overrides: Mapping[str, float] | None = None
    ) -> Limits:
        """Return the limits for a precision, with a target's overrides.

        Raises:
            UsageError: There is no such limit.

        >>> Limits.of("int8", {"task_drop": 0.02}).task_drop
        0.02
        """
        changes = dict(overrides or {})
        unknown = changes.keys() - {field.name for field in fields(cls)}
        if unknown:
            known = ", ".join(field.name for field in fields(cls))
            raise UsageError(f"no verification limit is called {min(unknown)!r}; there are {known}")
        return replace(_DEFAULTS[precision], **changes)


# Integer networks that work keep 10 to 20 dB at the logits and 95 % of the classes; broken ones fall to a
# few dB. Between the two the task metric decides.
_DEFAULTS = {
    "fp32": Limits(),
    "fp16": Limits(
        quantization_sqnr_db=40.0,
        quantization_map_sqnr_db=40.0,
        quantization_agreement=0.98,
        kernels_agreement=0.98,
    ),
    # LiteRT's shipping kernels round by up to 4 steps differently from its reference kernels: 33 dB against
    # 30 on a small network, with no class changed. Saturation lowers 19 dB to 7.
    "int8": Limits(
        kernels_ample_db=25.0,
        quantization_sqnr_db=8.0,
        quantization_agreement=0.85,
        quantization_map_sqnr_db=1.0,
        quantization_collapsed=0.1,
        quantization_score_levels=16.0,
        kernels_agreement=0.90,
        task_drop=0.025,
    ),
}
