from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecnn.core.errors import InputError
from edgecnn.quantization.files import RANGES_FILE
from edgecnn.quantization.given_ranges import SEEN_FILE, GivenRanges, match
from edgecnn.quantization.ranges import Observations, Range

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IMAGES = 6


def observations(tensors: int, seed: int = 0) -> Observations:
    random = np.random.default_rng(seed)
    low = -random.exponential(1.0, (IMAGES, tensors)).astype(np.float32)
    high = random.exponential(2.0, (IMAGES, tensors)).astype(np.float32)
    return Observations(tuple(f"t{index}" for index in range(tensors)), low, high)


def trained(tensors: int = 5) -> GivenRanges:
    seen = observations(tensors)
    return GivenRanges({name: Range(-1.0, float(i + 1)) for i, name in enumerate(seen.names)}, seen)


def renamed(seen: Observations, names: list[str], noise: float = 0.0) -> Observations:
    """Return another runtime's observations: other names, another order, its own rounding."""
    order = list(reversed(range(len(seen.names))))
    factor = 1.0 + noise * np.random.default_rng(1).uniform(-1, 1, seen.low.shape)
    return Observations(
        tuple(names),
        (seen.low * factor)[:, order].astype(np.float32),
        (seen.high * factor)[:, order].astype(np.float32),
    )


def test_saved_ranges_are_loaded_as_they_were(tmp_path: Path) -> None:
    ranges = trained()
    ranges.save(tmp_path)
    loaded = GivenRanges.load(tmp_path)
    assert loaded.ranges == ranges.ranges
    assert loaded.seen.names == ranges.seen.names
    assert np.array_equal(loaded.seen.low, ranges.seen.low)
    assert np.array_equal(loaded.seen.high, ranges.seen.high)


@settings(max_examples=30)
@given(tensors=st.integers(1, 40), noise=st.floats(0, 3e-4))
def test_tensors_are_found_under_other_names(tensors: int, noise: float) -> None:
    ranges = trained(tensors)
    names = [f"other{index}" for index in range(tensors)]
    found = match(renamed(ranges.seen, names, noise), ranges)
    assert [found[name] for name in names] == [ranges.ranges[name] for name in reversed(ranges.seen.names)]


def test_tensor_that_training_did_not_round_is_left_out() -> None:
    ranges = trained()
    other = observations(3, seed=9)
    assert match(other, ranges) == {}


def test_two_tensors_that_hold_the_same_get_the_same_range() -> None:
    ranges = trained(1)
    twice = Observations(("relu", "pooled"), ranges.seen.low.repeat(2, 1), ranges.seen.high.repeat(2, 1))
    assert match(twice, ranges) == {"relu": Range(-1.0, 1.0), "pooled": Range(-1.0, 1.0)}


def test_a_tensor_of_zeros_matches_only_zeros() -> None:
    zeros = Observations(("dead",), np.zeros((IMAGES, 1), np.float32), np.zeros((IMAGES, 1), np.float32))
    ranges = GivenRanges({"dead": Range(0.0, 0.0)}, zeros)
    assert match(observations(2), ranges) == {}
    assert match(zeros, ranges) == {"dead": Range(0.0, 0.0)}


def test_another_calibration_set_is_refused() -> None:
    with pytest.raises(InputError, match="6 calibration images, but there are 2"):
        match(observations(5).of([0, 1]), trained())


def _edit(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        document = json.loads((folder / RANGES_FILE).read_text())
        change(document)
        (folder / RANGES_FILE).write_text(json.dumps(document))

    return edit


def _write(array: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / SEEN_FILE, array, allow_pickle=array.dtype == object)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no json": (lambda folder: (folder / RANGES_FILE).unlink(), "cannot be read: No such file"),
    "half json": (
        lambda folder: (folder / RANGES_FILE).write_text('{"schema": 1'),
        "is not a file of activation ranges: it is no JSON",
    ),
    "a list": (lambda folder: (folder / RANGES_FILE).write_text("[]"), "does not hold"),
    "no bound": (_edit(lambda document: document["tensors"][0].pop("low")), "does not hold"),
    "other schema": (_edit(lambda document: document.update(schema=2)), "schema 2"),
    "twice": (_edit(lambda document: document["tensors"][1].update(name="t0")), "names a tensor twice"),
    "upside down": (_edit(lambda document: document["tensors"][0].update(low=9)), "t0 has an invalid range"),
    "not finite": (
        _edit(lambda document: document["tensors"][0].update(high="inf")),
        "t0 has an invalid range",
    ),
    "no array": (
        lambda folder: (folder / SEEN_FILE).unlink(),
        "ranges.npy (is not a whole array|cannot be read)",
    ),
    "half array": (
        lambda folder: (folder / SEEN_FILE).write_bytes((folder / SEEN_FILE).read_bytes()[:200]),
        "ranges.npy (is not a whole array|cannot be read)",
    ),
    "pickle": (_write(np.array([[{}]], object)), "ranges.npy (is not a whole array|cannot be read)"),
    "other tensors": (_write(np.zeros((2, IMAGES, 4), np.float32)), r"not float32 \[2, images, 5\]"),
    "other type": (_write(np.zeros((2, IMAGES, 5))), "not float32"),
    "NaN": (_write(np.full((2, IMAGES, 5), np.nan, np.float32)), "not finite"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_refused(tmp_path: Path, damage: str) -> None:
    trained().save(tmp_path)
    harm, message = DAMAGE[damage]
    harm(tmp_path)
    with pytest.raises(InputError, match=message):
        GivenRanges.load(tmp_path)
