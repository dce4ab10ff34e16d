"""The fixtures of a small training."""

from __future__ import annotations

from tests.support.training import build, make_set

__all__ = ["build", "make_set"]
