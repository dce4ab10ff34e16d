"""Outputs of a network for a set of images, as files: ``outputs_0.npy``, ``outputs_1.npy``, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.core.array_file import read_array

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Outputs = tuple[npt.NDArray[np.float32], ...]


def write_outputs(folder: Path, outputs: Sequence[npt.NDArray[np.float32]]) -> None:
    """Write one float32 array ``[N, ...]`` per output; the folder is created."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, output in enumerate(outputs):
        np.save(_file(folder, place), output, allow_pickle=False)


def read_outputs(folder: Path) -> Outputs:
    """Map the arrays of a folder into memory, in the order of the network's outputs."""
    count = len(list(folder.glob("outputs_*.npy")))
    return tuple(read_array(_file(folder, place), mapped=True) for place in range(max(1, count)))


def _file(folder: Path, place: int) -> Path:
    return folder / f"outputs_{place}.npy"
