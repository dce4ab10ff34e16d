"""The files of all families of detectors answer what the formulas make of their raw maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from tests.support.detectors.exporting import FORMS, Form, answers, answers_and_maps, export
from tests.support.detectors.registry import FAMILIES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.detectors.family import Array, Family

TOLERANCE = 1e-4
# How many boxes suppression keeps depends on the values; only the older exporter is tried with such files.
CASES = [(name, form) for name in FAMILIES for form in FORMS if not (form.dynamo and "suppressed" in name)]


def error(found: Array, wanted: Array, *, rows: bool) -> float:
    """Return the largest difference, relative to a hundredth of what is larger than a hundred.

    float32 has 7 digits for a side of 1,500 pixels. Rows of equal scores may have changed places.
    """
    assert found.shape == wanted.shape
    unit = np.maximum(1.0, np.abs(wanted) / 100.0)
    if not rows:
        return float((np.abs(found - wanted) / unit).max())
    apart = (np.abs(found[0, :, None] - wanted[0, None]) / unit[0, None]).max(2)
    return float(max(apart.min(0).max(), apart.min(1).max()))


def compare(family: Family, found: list[Array], maps: list[Array]) -> None:
    wanted = family.answers(maps)
    assert len(found) == len(wanted) == len(family.outputs)
    for name, one, other in zip(family.outputs, found, wanted, strict=True):
        assert error(one, other, rows=family.rows) < TOLERANCE, name


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if "," in name else []) for name in FAMILIES]
)
def test_a_file_answers_what_the_formulas_make_of_its_maps(name: str, tmp_path: Path) -> None:
    """And the maps are spread as in a trained network, because a wrong decode could pass otherwise."""
    family = FAMILIES[name]
    images = family.images(1)
    like = [part.numpy() for part in family.net(decoded=False)(torch.from_numpy(images))]
    assert len(like) == len(family.maps)
    found, maps = answers_and_maps(export(family, tmp_path / "decoded.onnx"), images, like)
    compare(family, found, maps)
    spread = family.truth(maps)
    best = spread.scores.max(1)
    assert best.min() < 0.2, "most cells are sure of nothing"
    assert best.max() > 0.3, "a few cells are sure of a class"
    assert spread.boxes.std(0).min() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("name", "form"), CASES, ids=str)
def test_every_form_of_a_file_answers_the_same(name: str, form: Form, tmp_path: Path) -> None:
    family = FAMILIES[name]
    images = family.images(1)
    found = answers(export(family, tmp_path / "decoded.onnx", form), images)
    compare(family, found, answers(export(family, tmp_path / "raw.onnx", form, decoded=False), images))
