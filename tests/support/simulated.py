"""Answers of a runtime in its own environment, for networks of the tiny network's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.devices.local import LocalDevice

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.worker.runtime import Execution
    from edgecnn.ondevice.tensor import Array


def outputs(runtime: str, model: Path, log: Path, execution: Execution = "shipping") -> list[Array]:
    """Return the first output for six int8 images of noise, ``[1, 8, 8, 3]`` each."""
    generator = np.random.default_rng(1)
    inputs = [generator.integers(-128, 128, (1, 8, 8, 3), np.int8) for _ in range(6)]
    with LocalDevice().open(runtime, model, log=log, execution=execution) as session:
        return [session.run([item])[0] for item in inputs]
