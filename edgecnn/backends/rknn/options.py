"""What a target may ask of Rockchip's RKNN toolkit."""

from __future__ import annotations

from typing import Literal

from edgecnn.core.config.base import Schema

RockchipPlatform = Literal["rk3562", "rk3566", "rk3568", "rk3576", "rk3588"]


class RknnOptions(Schema):
    """What Rockchip's RKNN toolkit compiles for."""

    platform: RockchipPlatform
    """The chip."""
