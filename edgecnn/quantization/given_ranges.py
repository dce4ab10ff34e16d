"""Activation ranges from training, and their assignment to a format's tensors.

Tensors have other names in every format, but the same float values: the smallest and largest value of a
tensor on each calibration image are a fingerprint that identifies it. A format's backend observes the same
values of its own tensors (:mod:`edgecnn.quantization.ranges`), so learnt ranges reach every native quantizer
without a mapping of names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.core.array_file import read_array
from edgecnn.core.errors import InputError
from edgecnn.core.json_file import read_json
from edgecnn.quantization.files import RANGES_FILE
from edgecnn.quantization.ranges import Observations, Range

if TYPE_CHECKING:
    from pathlib import Path

SEEN_FILE = "ranges.npy"
SCHEMA = 1

_TOLERANCE = 1e-3
"""Largest difference of two runtimes' float kernels, as a share of a tensor's largest magnitude."""

_MAX_JSON_BYTES = 16 * 1024 * 1024
_MAX_VALUES = 1 << 28


@dataclass(frozen=True)
class GivenRanges:
    """Ranges of the tensors of a training graph, with the tensors' fingerprints.

    Attributes:
        ranges: Range of each tensor's int8 grid.
        seen: Values of the same tensors in float, on every calibration image.
    """

    ranges: dict[str, Range]
    seen: Observations

    def save(self, directory: Path) -> None:
        """Write ``ranges.json`` and ``ranges.npy`` (float32 ``[2, images, tensors]``)."""
        document = {
            "schema": SCHEMA,
            "tensors": [
                {"name": name, "low": self.ranges[name].low, "high": self.ranges[name].high}
                for name in self.seen.names
            ],
        }
        (directory / RANGES_FILE).write_text(json.dumps(document, indent=1), encoding="utf-8")
        np.save(directory / SEEN_FILE, np.stack([self.seen.low, self.seen.high]), allow_pickle=False)

    @classmethod
    def load(cls, directory: Path) -> GivenRanges:
        """Read the files that :meth:`save` wrote.

        Raises:
            InputError: A file is missing, damaged or too large, or the files do not fit each other.
        """
        ranges = _read_ranges(directory / RANGES_FILE)
        low, high = _read_seen(directory / SEEN_FILE, len(ranges))
        return cls(ranges, Observations(tuple(ranges), low, high))


def match(seen: Observations, given: GivenRanges) -> dict[str, Range]:
    """Find the given range of every tensor of a format's float graph.

    Args:
        seen: Values of the format's tensors on the same calibration images, in the same order.
        given: Ranges and fingerprints.

    Returns:
        Ranges by the format's tensor names. Tensors that training did not round are left out, such as those
        that only this format has; their ranges have to be estimated.

    Raises:
        InputError: The numbers of images differ.

    >>> trained = Observations.gather([{"relu": (0.0, 2.0)}, {"relu": (0.0, 3.0)}])
    >>> first = {"t1": (0.0, 1.0), "t2": (0.0, 2.0)}
    >>> here = Observations.gather([first, {"t1": (0.0, 1.0), "t2": (0.0, 3.0)}])
    >>> match(here, GivenRanges({"relu": Range(0.0, 2.5)}, trained))
    {'t2': Range(low=0.0, high=2.5)}
    """
    if len(seen) != len(given.seen):
        raise InputError(
            f"ranges were trained with {len(given.seen)} calibration images, but there are {len(seen)}",
            hint="quantize with the calibration set of the training",
        )
    known = _fingerprints(given.seen)
    size = np.maximum(np.abs(known).max(axis=0), np.finfo(np.float32).tiny)
    names = given.seen.names
    found = {}
    for name, own in zip(seen.names, _fingerprints(seen).T, strict=True):
        distance = np.abs(known - own[:, None]).max(axis=0) / size
        nearest = int(distance.argmin())
        if distance[nearest] <= _TOLERANCE:
            found[name] = given.ranges[names[nearest]]
    return found


def _fingerprints(seen: Observations) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return ``[2 * images, tensors]``."""
    return np.concatenate([seen.low, seen.high]).astype(np.float64)


def _read_ranges(file: Path) -> dict[str, Range]:
    try:
        document = read_json(file, what="a file of activation ranges", most_bytes=_MAX_JSON_BYTES)
        if document["schema"] != SCHEMA:
            raise InputError(f"{file} has schema {document['schema']!r}; this version reads {SCHEMA}")
        ranges = {
            str(item["name"]): Range(float(item["low"]), float(item["high"])) for item in document["tensors"]
        }
        count = len(document["tensors"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} does not hold activation ranges: {error}") from error
    if len(ranges) != count:
        raise InputError(f"{file} names a tensor twice")
    for name, bounds in ranges.items():
        if not (np.isfinite([bounds.low, bounds.high]).all() and bounds.low <= bounds.high):
            raise InputError(f"{file}: {name} has an invalid range, {bounds.low}..{bounds.high}")
    return ranges


def _read_seen(file: Path, tensors: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    seen = read_array(file, mapped=True)
    fits = seen.dtype == np.float32 and seen.ndim == 3 and seen.shape[::2] == (2, tensors)
    if not fits or seen.size > _MAX_VALUES:
        raise InputError(f"{file} is {seen.dtype} {list(seen.shape)}, not float32 [2, images, {tensors}]")
    values: np.ndarray[Any, np.dtype[np.float32]] = np.array(seen)
    if not np.isfinite(values).all():
        raise InputError(f"{file} holds values that are not finite")
    return values
