"""A small network that an Ethos-U55 does not like, as a user's own factory."""

from __future__ import annotations

from torch import nn


def build(classes: int = 4, channels: int = 24) -> nn.Module:
    """Build it, for 64x64 pixels: its activations cost operations, its resize falls off the NPU."""
    return nn.Sequential(
        nn.Conv2d(3, channels, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.Conv2d(channels, 32, 1),
        nn.GELU(),
        nn.Upsample(scale_factor=2, mode="nearest-exact"),
        nn.Conv2d(32, 40, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(40, classes),
    )
