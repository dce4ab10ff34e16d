"""The fixtures of a small training."""

from __future__ import annotations

from tests.support.training import _one_thread, build, make_set

__all__ = ["_one_thread", "build", "make_set"]
