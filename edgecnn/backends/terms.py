"""Types that formats, quantizers and runtimes share; this module imports none of them."""

from __future__ import annotations

from typing import Literal

Precision = Literal["fp32", "fp16", "int8"]
"""Type of the numbers that a target's file computes in."""

Layout = Literal["NHWC", "NCHW"]
"""Order of an image tensor's dimensions: batch, height, width, channels, or channels first."""
