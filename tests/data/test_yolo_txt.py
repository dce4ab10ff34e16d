"""Boxes in YOLO text files: read as they are meant, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgecnn.core.errors import InputError
from tests.support import boxes_data
from tests.support.boxes_data import boxes_of, objects_of, opened


def test_shares_of_the_images_size_become_corners_in_pixels(tmp_path: Path) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 1)
    (folder / "labels" / "0.txt").write_text("1 0.5 0.25 0.5 0.5\n0 0.25 0.5 0.125 0.25\n")
    (image,) = objects_of(opened(folder))
    assert image.boxes.tolist() == [[16, 0, 48, 24], [12, 18, 20, 30]]
    assert (image.labels.tolist(), image.size, image.ignored.tolist()) == ([1, 0], (48, 64), [False, False])


def test_two_images_cannot_share_a_label_file(tmp_path: Path) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 1)
    (folder / "images" / "0.jpg").write_bytes((folder / "images" / "0.png").read_bytes())
    with pytest.raises(InputError, match=r"0\.jpg and 0\.png in .* share a label file"):
        opened(folder)


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 1)
    (folder / "images" / "0.png").unlink()
    with pytest.raises(InputError, match="holds no image"):
        opened(folder)


def test_a_line_that_is_written_twice_counts_once(tmp_path: Path) -> None:
    folder = boxes_data.write_yolo(tmp_path / "yolo", 3)
    plain = boxes_of(folder)
    for label in (folder / "labels").iterdir():
        label.write_text(f"{label.read_text()}\r\n{label.read_text()}\r\n")
    assert boxes_of(folder) == plain


def test_labelimg_writes_the_classes_among_the_labels(tmp_path: Path) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 3)
    plain = boxes_of(folder)
    (folder / "labels" / "classes.txt").write_text("disc\nsquare\n")
    assert boxes_of(folder) == plain
    (folder / "classes.txt").unlink()
    assert boxes_of(folder) == plain
    assert opened(folder).classes == ("disc", "square")
    (folder / "classes.txt").write_text("square\ndisc\n")
    with pytest.raises(InputError, match=r"classes\.txt and .*classes\.txt name other classes"):
        opened(folder)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0.5 0.5 0.1 0.1", r"0.txt:1: class 2 is out of range, it must be 0..1"),
        ("-1 0.5 0.5 0.1 0.1", "class -1 is out of range"),
        ("0 0.5 0.5 0.1", "is not an object"),
        ("0.5 0.5 0.5 0.1 0.1", "is not an object"),
        ("cat 0.5 0.5 0.1 0.1", "is not an object"),
        ("0 320 240 50 50", "not given in shares"),
        ("0 nan 0.5 0.1 0.1", "not given in shares"),
    ],
)
def test_broken_lines_of_yolo(tmp_path: Path, line: str, message: str) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 1)
    (folder / "labels" / "0.txt").write_text(line, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        opened(folder)


@pytest.mark.parametrize(
    "line",
    [
        "\u0660 .5 .5 .1 .1",
        "0_0 .5 .5 .1 .1",
        "0 1_0 .5 .1 .1",
        "0.0 .5 .5 .1 .1",
        "9" * 5000 + " 1 1 1 1",
        "true 1 1 1 1",
        "0 1e400 .5 .1 .1",
        "0 nan .5 .1 .1",
        "0 " + "1 " * 10_000,
        "0 .5 .5 .1 .1\0",
    ],
)
def test_a_line_of_numbers_that_only_python_reads(tmp_path: Path, line: str) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 1)
    (folder / "labels" / "0.txt").write_text(line, encoding="utf-8")
    with pytest.raises(InputError, match=r"0\.txt:1: ") as caught:
        opened(folder)
    assert len(caught.value.message) < 400


def test_a_label_file_without_an_image(tmp_path: Path) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 1)
    (folder / "labels" / "7.txt").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"7.txt belongs to no image"):
        opened(folder)


def test_yolo_needs_its_classes_named(tmp_path: Path) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 1)
    (folder / "classes.txt").unlink()
    with pytest.raises(InputError, match=r"there is no .*classes.txt"):
        opened(folder)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text("01.5- \n\te+nainf,_\u0663\0\ufeff", max_size=60))
def test_any_label_file_is_boxes_or_one_line(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "data"
    if not folder.exists():
        boxes_data.write_yolo(folder, 1)
    (folder / "labels" / "0.txt").write_text(text, encoding="utf-8")
    try:
        message = f"{np.shape(boxes_of(folder)[0])}"
    except InputError as error:
        message = error.message
    assert len(message.splitlines()) == 1
