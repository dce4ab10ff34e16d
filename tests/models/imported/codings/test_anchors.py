"""Anchors are read from what a file answers for maps of zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgecnn.models.imported.codings.anchors import anchors
from edgecnn.models.imported.importer import read_image_model
from edgecnn.models.imported.raw_maps import map_levels
from edgecnn.models.imported.tail import Tail
from tests.support.detectors.exporting import export
from tests.support.detectors.registry import FAMILIES

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.models.imported.codings.guess import Guess


def guesses(name: str, folder: Path) -> list[Guess]:
    file = export(FAMILIES[name], folder / "net.onnx")
    model = read_image_model(file).model
    levels = map_levels(model)
    return list(anchors(levels, Tail(model, file, [part.name for level in levels for part in level.maps])))


@pytest.mark.parametrize(("name", "scale"), [("yolov5", 2.0), ("yolov3", 1.0)])
def test_anchors_and_the_scale_of_centres_are_read_from_the_file(
    name: str, scale: float, tmp_path: Path
) -> None:
    first, *_ = guesses(name, tmp_path)
    assert [level.stride for level in first.levels] == [8, 16, 32]
    assert [level.scale for level in first.levels] == [scale] * 3
    np.testing.assert_allclose(first.levels[0].anchors, [(10, 13), (16, 30), (33, 23)], rtol=1e-4)
    np.testing.assert_allclose(first.levels[2].anchors, [(116, 90), (156, 198), (373, 326)], rtol=1e-4)
    assert first.levels[0].boxes.channels == (0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23)
    assert first.levels[0].objectness is not None
    assert first.levels[0].objectness.channels == (4, 14, 24)


def test_a_file_of_distributions_has_no_anchors(tmp_path: Path) -> None:
    assert not guesses("yolov8", tmp_path)
