"""Places and inputs with which a test calls a stage as the runner does."""

from __future__ import annotations

from pathlib import Path

from edgecnn.data.prepared import PreparedSet
from edgecnn.pipeline.stages.base import Context
from tests.support import tiny_models as tiny


def context(folder: Path) -> Context:
    """Return a stage's places below a folder: ``out``, ``scratch`` and ``log``."""
    for name in ("out", "scratch"):
        (folder / name).mkdir(parents=True)
    return Context(
        folder / "out", folder / "scratch", folder / "log", progress=lambda _done, _total, _text: None
    )


def prepare_tiny(folder: Path, count: int = 12) -> PreparedSet:
    """Write images of the tiny network whose labels are its right answers."""
    pixels = tiny.images(count)
    return PreparedSet.write(
        folder,
        pixels,
        tiny.expected(pixels).argmax(axis=1),
        classes=tuple(f"class {index}" for index in range(tiny.CLASSES)),
        names=tuple(f"{index}.png" for index in range(count)),
        contract=tiny.CONTRACT,
    )
