"""Options of Qualcomm's QNN in a target."""

from __future__ import annotations

from typing import Literal

from edgecnn.core.config.base import Schema

Soc = Literal[
    "sa8255",
    "sa8295",
    "sm8350",
    "sm8450",
    "sm8475",
    "sm8550",
    "sm8650",
    "sm8750",
    "sm8850",
    "qcs9100",
]


class QnnOptions(Schema):
    """Options of a compilation by Qualcomm's QNN."""

    soc: Soc
    """The chip, by Qualcomm's name; a context binary is for a single one."""
