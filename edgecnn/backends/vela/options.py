"""What a target may ask of Arm's Vela."""

from __future__ import annotations

from typing import Literal

from edgecnn.core.config.base import Schema

Accelerator = Literal[
    "ethos-u55-32",
    "ethos-u55-64",
    "ethos-u55-128",
    "ethos-u55-256",
    "ethos-u65-256",
    "ethos-u65-512",
    "ethos-u85-128",
    "ethos-u85-256",
    "ethos-u85-512",
    "ethos-u85-1024",
    "ethos-u85-2048",
]


class VelaOptions(Schema):
    """What Vela compiles for; the names of the last two are sections of its ``Arm/vela.ini``."""

    accelerator: Accelerator
    """Family of the NPU and its multiply-accumulates a cycle."""

    system_config: str
    """Clock and memories of the chip around it."""

    memory_mode: str
    """What lies in which memory."""

    optimise: Literal["Performance", "Size"] = "Performance"
    """``Size`` takes the least SRAM instead of the fewest cycles."""
