"""Places and inputs with which a test calls a stage as the runner does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecnn.data.prepared import PreparedSet
from edgecnn.ondevice.contract import Contract
from edgecnn.pipeline.stages.base import Context
from tests.conftest import picture
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


def prepare_pictures(folder: Path, contract: Contract, count: int = 12) -> PreparedSet:
    """Write bars, discs and slopes, which a small network can tell apart, as classes 0, 1 and 2."""
    pixels = np.stack([picture(index % 3, index, contract.height, contract.width) for index in range(count)])
    return PreparedSet.write(
        folder,
        pixels,
        np.arange(count) % 3,
        classes=("bars", "disc", "slope"),
        names=tuple(f"{index}.png" for index in range(count)),
        contract=contract,
    )
