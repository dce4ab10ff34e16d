"""Options of Arm's Vela in a target."""

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
    """Options of a compilation by Vela; the last two name sections of its ``Arm/vela.ini``."""

    accelerator: Accelerator
    """Family of the NPU and its multiply-accumulates per cycle."""

    system_config: str
    """Clock and memories of the chip."""

    memory_mode: str
    """Placement of data in memories."""

    optimise: Literal["Performance", "Size"] = "Performance"
    """``Size`` minimizes SRAM instead of cycles."""
