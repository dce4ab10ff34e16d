"""The label of an image that has none: what sources, boxes and prepared sets agree on."""

from __future__ import annotations

UNLABELLED = -1
"""The label of an image that has none."""
