"""Options of Rockchip's RKNN toolkit in a target."""

from __future__ import annotations

from typing import Literal

from edgecnn.core.config.base import Schema

RockchipPlatform = Literal["rk3562", "rk3566", "rk3568", "rk3576", "rk3588"]


class RknnOptions(Schema):
    """Options of a compilation by Rockchip's RKNN toolkit."""

    platform: RockchipPlatform
    """The chip."""
