"""Counts of executed instructions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instructions:
    """Executed instructions of one inference.

    Attributes:
        device: The emulated device, or ``x86``.
        median: Over the inferences.
        least: Of any.
        most: Of any.
        tool: What counted, with its version: counts of another one are not compared.
    """

    device: str
    median: int
    least: int
    most: int
    tool: str
