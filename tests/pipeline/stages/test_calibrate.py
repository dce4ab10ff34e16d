"""Stages ``calibration`` and ``probe``: which images they choose, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.data.prepared import PreparedSet
from edgecnn.pipeline.stages.calibrate import CALIBRATE, PROBE, REPORT, SelectParameters
from tests.support import tiny_models as tiny
from tests.support.stages import context, prepare_tiny


def test_the_same_seed_chooses_the_same_images(tmp_path: Path) -> None:
    images = prepare_tiny(tmp_path / "images", 40)
    chosen = []
    for place, seed in enumerate((1, 1, 2)):
        places = context(tmp_path / str(place))
        PROBE.run({"images": images.directory}, SelectParameters(count=10, seed=seed), places)
        chosen.append(PreparedSet.open(places.out))
    assert chosen[0].names == chosen[1].names != chosen[2].names
    assert len(chosen[0]) == len(set(chosen[0].names)) == 10
    where = [images.names.index(name) for name in chosen[0].names]
    np.testing.assert_array_equal(chosen[0].images, np.asarray(images.images)[where])


def test_a_calibration_set_comes_with_what_was_found_about_it(tmp_path: Path) -> None:
    images, places = smooth(tmp_path / "images", 20), context(tmp_path / "stage")
    CALIBRATE.run({"images": images.directory}, SelectParameters(count=16, seed=0), places)
    report = json.loads((places.out / REPORT).read_text())
    made = PreparedSet.open(places.out)
    assert (report["images"], report["digest"]) == (16, made.digest)
    assert len(report["warnings"]) == 1, "sixteen images are few"


def test_too_few_images_and_images_of_one_colour_are_refused(tmp_path: Path) -> None:
    few, places = smooth(tmp_path / "few", 4), context(tmp_path / "stage")
    with pytest.raises(InputError, match="4"):
        CALIBRATE.run({"images": few.directory}, SelectParameters(count=16, seed=0), places)
    blank = write(tmp_path / "blank", np.full((16, tiny.SIZE, tiny.SIZE, 3), 7, np.uint8))
    with pytest.raises(InputError):
        CALIBRATE.run(
            {"images": blank.directory}, SelectParameters(count=16, seed=0), context(tmp_path / "again")
        )


def test_a_probe_may_be_as_small_as_it_is(tmp_path: Path) -> None:
    few, places = smooth(tmp_path / "few", 2), context(tmp_path / "stage")
    PROBE.run({"images": few.directory}, SelectParameters(count=16, seed=0), places)
    assert len(PreparedSet.open(places.out)) == 2
    assert not (places.out / REPORT).exists()


def smooth(folder: Path, count: int) -> PreparedSet:
    y, x = np.mgrid[0 : tiny.SIZE, 0 : tiny.SIZE]
    pixels = [np.repeat((9 * x + 7 * y + 5 * seed)[..., None], 3, axis=2) for seed in range(count)]
    return write(folder, np.stack(pixels).astype(np.uint8))


def write(folder: Path, pixels: np.ndarray) -> PreparedSet:
    names = tuple(f"{index}.png" for index in range(len(pixels)))
    labels = np.arange(len(pixels)) % tiny.CLASSES
    return PreparedSet.write(folder, pixels, labels, classes=(), names=names, contract=tiny.CONTRACT)
