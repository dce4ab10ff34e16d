"""A prepared set: images decoded and resized once, read by training, calibration and every target.

On disk it is a directory:

=================  =======================================================================
``images.npy``     uint8 ``[N, H, W, C]``: contract geometry and colour order, not normalized
``labels.npy``     int64 ``[N]``, with -1 for an unlabelled image
``objects.npz``    boxes, in pixels of the images before preprocessing; only if the source has boxes
``prepared.json``  classes, names, contract, digest, skipped images with reasons; written last
=================  =======================================================================
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.core.array_file import read_array
from edgecnn.core.errors import InputError
from edgecnn.core.files import is_file
from edgecnn.core.json_file import read_json
from edgecnn.core.text import one_line
from edgecnn.data.digest import combine
from edgecnn.data.objects import AGAIN, FILE_NAME, Objects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgecnn.ondevice.contract import Contract

SCHEMA = 1

MAX_JSON_BYTES = 1 << 28
"""Largest ``prepared.json``, in bytes: the names of some millions of images."""


@dataclass(frozen=True)
class PreparedSet:
    """Images ready for normalization, with their labels; the arrays are memory-mapped, read-only.

    Attributes:
        directory: Its directory.
        images: uint8 ``[N, H, W, C]``.
        labels: int64 ``[N]``.
        classes: Class names; empty if the source has none.
        names: One name per image, for messages.
        contract: The contract of the images.
        skipped: Reason of each image that was left out, by name.
        digest: SHA-256 of pixels, labels, boxes, classes and contract; it does not depend on the directory.
        objects: The boxes of each image in its own pixels, cut at its borders; None if there are none.
    """

    directory: Path
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    names: tuple[str, ...]
    contract: Contract
    skipped: dict[str, str]
    digest: str
    objects: Objects | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def open(cls, directory: Path) -> PreparedSet:
        """Open a prepared set without reading its images.

        Raises:
            InputError: The directory is not a prepared set of this schema.
        """
        from edgecnn.data.prepared_document import read_document

        if not is_file(directory / "prepared.json"):
            raise InputError(f"{directory} is not a prepared set: it holds no prepared.json", hint=AGAIN)
        try:
            data = read_document(
                read_json(directory / "prepared.json", what="a prepared set", most_bytes=MAX_JSON_BYTES)
            )
            images = read_array(directory / "images.npy", mapped=True)
            labels = read_array(directory / "labels.npy", mapped=True)
            if data.schema_version != SCHEMA:
                raise InputError(
                    f"{directory} has schema {data.schema_version}; this version reads {SCHEMA}", hint=AGAIN
                )
            prepared = cls(
                directory=directory,
                images=images,
                labels=labels,
                classes=data.classes,
                names=data.names,
                contract=data.contract,
                skipped=data.skipped,
                digest=data.digest,
                objects=Objects.load(directory / FILE_NAME) if data.objects else None,
            )
        except ValueError as error:
            raise InputError(f"{directory} is not a prepared set: {one_line(error)}", hint=AGAIN) from error
        prepared._check_arrays()
        return prepared

    def _check_arrays(self) -> None:
        count, contract = len(self.names), self.contract
        expected = (count, contract.height, contract.width, contract.channels)
        if self.images.dtype != np.uint8 or self.images.shape != expected:
            found = f"{self.images.dtype} {list(self.images.shape)}"
            raise InputError(
                f"{self.directory}: images.npy is {found}, not uint8 {list(expected)}", hint=AGAIN
            )
        if self.labels.dtype != np.int64 or self.labels.shape != (count,):
            found = f"{self.labels.dtype} {list(self.labels.shape)}"
            raise InputError(f"{self.directory}: labels.npy is {found}, not int64 [{count}]", hint=AGAIN)
        if self.objects is not None and len(self.objects) != count:
            raise InputError(
                f"{self.directory}: {FILE_NAME} is of {len(self.objects)} images, not {count}", hint=AGAIN
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
        objects: Objects | None = None,
    ) -> PreparedSet:
        """Write a prepared set from arrays in memory and open it."""
        with PreparedWriter(directory, contract, classes) as writer:
            writer.append(images, labels, names)
            return writer.finish(skipped or {}, objects)

    def select(self, indices: npt.NDArray[np.int64], directory: Path) -> PreparedSet:
        """Write the images at ``indices`` as a separate prepared set, such as a calibration set."""
        return PreparedSet.write(
            directory,
            np.ascontiguousarray(self.images[indices]),
            np.ascontiguousarray(self.labels[indices]),
            classes=self.classes,
            names=tuple(self.names[int(index)] for index in indices),
            contract=self.contract,
            objects=None if self.objects is None else self.objects.select(indices),
        )


class PreparedWriter:
    """Writer of a prepared set block by block, in bounded memory; a context manager.

    Pixels are appended to the file instead of a memory map: a full disk is then an error instead of a crash,
    and the number of images is not needed before the corrupt ones are found.

    Args:
        directory: Created if needed; a prepared set in it is replaced.
        contract: The contract of the images.
        classes: Class names.

    Raises:
        OSError: The directory cannot be written; also from the methods.
    """

    def __init__(self, directory: Path, contract: Contract, classes: tuple[str, ...]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "prepared.json").unlink(missing_ok=True)
        self._directory, self._contract, self._classes = directory, contract, classes
        self._names: list[str] = []
        self._labels: list[npt.NDArray[np.int64]] = []
        self._pixels = hashlib.sha256()
        self._file: IO[bytes] = (directory / "images.npy").open("wb")
        self._write_header()

    def __enter__(self) -> PreparedWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(
        self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], names: Sequence[str]
    ) -> None:
        """Append uint8 ``[n, H, W, C]`` with one label and one name per image."""
        pixels = np.ascontiguousarray(images).data
        self._file.write(pixels)
        self._pixels.update(pixels)
        self._labels.append(labels.astype(np.int64))
        self._names += names

    def finish(self, skipped: dict[str, str], objects: Objects | None = None) -> PreparedSet:
        """Complete the files and open the set; ``objects`` are the images' boxes, in their order."""
        self._file.seek(0)
        self._write_header()
        self._file.close()
        labels = np.concatenate([np.empty(0, np.int64), *self._labels])
        np.save(self._directory / "labels.npy", labels, allow_pickle=False)
        contract = self._contract.to_json()
        content = ["prepared", SCHEMA, contract, list(self._classes), self._pixels.hexdigest()]
        rows: list[tuple[object, ...]] = [(int(label),) for label in labels]
        if objects is not None:
            objects.save(self._directory / FILE_NAME)
            rows += objects.rows()
        document = {
            "schema": SCHEMA,
            "classes": list(self._classes),
            "names": self._names,
            "contract": contract,
            "skipped": skipped,
            "digest": combine(content, rows),
            "objects": objects is not None,
        }
        (self._directory / "prepared.json").write_text(json.dumps(document), encoding="utf-8")
        return PreparedSet.open(self._directory)

    def _write_header(self) -> None:
        """Write the ``.npy`` header, which numpy pads so that the number of images may grow in place."""
        contract = self._contract
        shape = (len(self._names), contract.height, contract.width, contract.channels)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
