"""A prepared set: images decoded and resized once, read by training, calibration and every target.

On disk it is a directory:

=================  =======================================================================
``images.npy``     uint8 ``[N, H, W, C]``: contract geometry and colour order, not normalized
``labels.npy``     int64 ``[N]``, or -1 where an image has no label
``prepared.json``  classes, names, contract, what was skipped and why
=================  =======================================================================
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.errors import InputError
from edgecnn.ondevice.contract import Contract

SCHEMA = 1


@dataclass(frozen=True)
class PreparedSet:
    """Images ready for normalization, with their labels; the arrays are memory-mapped, read-only.

    Attributes:
        directory: Where it lies.
        images: uint8 ``[N, H, W, C]``.
        labels: int64 ``[N]``.
        classes: Class names; empty where the source has none.
        names: One name an image, for messages.
        contract: The contract that was executed.
        skipped: Images that were left out, name to reason.
    """

    directory: Path
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    names: tuple[str, ...]
    contract: Contract
    skipped: dict[str, str]

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def open(cls, directory: Path) -> PreparedSet:
        """Open a prepared set without reading its images.

        Raises:
            InputError: The directory is not a prepared set of this schema.
        """
        try:
            data: dict[str, Any] = json.loads((directory / "prepared.json").read_text(encoding="utf-8"))
            images = np.load(directory / "images.npy", mmap_mode="r", allow_pickle=False)
            labels = np.load(directory / "labels.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{directory} is not a prepared set: {error}") from error
        if data.get("schema") != SCHEMA or images.dtype != np.uint8 or len(images) != len(labels):
            raise InputError(f"{directory} is not a prepared set of schema {SCHEMA}")
        return cls(
            directory=directory,
            images=images,
            labels=labels,
            classes=tuple(data["classes"]),
            names=tuple(data["names"]),
            contract=Contract.from_json(data["contract"]),
            skipped=dict(data["skipped"]),
        )

    @staticmethod
    def write(
        directory: Path,
        images: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.int64],
        *,
        classes: tuple[str, ...],
        names: tuple[str, ...],
        contract: Contract,
        skipped: dict[str, str] | None = None,
    ) -> PreparedSet:
        """Write a prepared set from arrays in memory and open it."""
        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / "images.npy", images, allow_pickle=False)
        np.save(directory / "labels.npy", labels.astype(np.int64), allow_pickle=False)
        document = {
            "schema": SCHEMA,
            "classes": list(classes),
            "names": list(names),
            "contract": contract.to_json(),
            "skipped": skipped or {},
        }
        (directory / "prepared.json").write_text(json.dumps(document), encoding="utf-8")
        return PreparedSet.open(directory)

    def select(self, indices: npt.NDArray[np.int64], directory: Path) -> PreparedSet:
        """Write the images at ``indices`` as a prepared set of their own, such as a calibration set."""
        return PreparedSet.write(
            directory,
            np.ascontiguousarray(self.images[indices]),
            np.ascontiguousarray(self.labels[indices]),
            classes=self.classes,
            names=tuple(self.names[int(index)] for index in indices),
            contract=self.contract,
        )
