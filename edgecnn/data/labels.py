"""The label of unlabelled images, shared by sources, boxes and prepared sets."""

from __future__ import annotations

UNLABELLED = -1
"""The label of an unlabelled image."""
