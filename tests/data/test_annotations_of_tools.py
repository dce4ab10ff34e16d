"""Annotations as tools and hands write them: read as they are meant, or refused in one line."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgecnn.core.errors import InputError
from edgecnn.data.prepare import check_labels, prepare
from edgecnn.data.source import open_source
from edgecnn.data.xml_tree import read_xml
from edgecnn.ondevice.contract import Contract
from tests.support import boxes_data

if TYPE_CHECKING:
    from edgecnn.data.base import ImageSource


def opened(path: Path) -> ImageSource:
    return open_source(str(path), cache_dir=Path("unused"))


def boxes(path: Path) -> list[list[list[float]]]:
    objects = opened(path).objects
    assert objects is not None
    return [image.boxes.tolist() for image in objects]


def edited(file: Path, **changes: Any) -> Path:
    """Change every entry of a list in a COCO file; None takes a key away."""
    document = json.loads(file.read_text())
    for name, values in changes.items():
        for entry in document[name]:
            entry.update({key: value for key, value in values.items() if value is not None})
            for key in (key for key, value in values.items() if value is None):
                entry.pop(key, None)
    file.write_text(json.dumps(document))
    return file


def test_coco_with_a_byte_order_mark_and_without_sizes(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 3)
    plain = boxes(file)
    edited(file, images={"width": None, "height": None})
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert boxes(file) == plain
    objects = opened(file).objects
    assert objects is not None
    assert objects.sizes == [(48, 64)] * 3


def test_coco_in_its_own_folders(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 3)
    plain = boxes(file)
    own = tmp_path / "data" / "annotations" / "instances_val2017.json"
    own.parent.mkdir()
    file.rename(own)
    (tmp_path / "data" / "images").rename(tmp_path / "data" / "val2017")
    assert boxes(own) == plain


def test_coco_whose_names_begin_with_the_folder(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 3)
    plain = boxes(file)
    document = json.loads(file.read_text())
    for image in document["images"]:
        image["file_name"] = f"images/{image['file_name']}"
    file.write_text(json.dumps(document))
    assert boxes(file) == plain


@pytest.mark.parametrize("box", [None, []])
def test_a_coco_annotation_without_a_box_is_named(tmp_path: Path, box: list[float] | None) -> None:
    file = edited(boxes_data.write_coco(tmp_path / "data", 2), annotations={"bbox": box, "id": 5})
    with pytest.raises(InputError, match="annotation 5 has no bbox"):
        opened(file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"annotations": {"bbox": [1, 2, 3]}}, "annotations.0.bbox"),
        ({"annotations": {"bbox": ["a", 2, 3, 4]}}, "annotations.0.bbox"),
        ({"annotations": {"image_id": 10**400}}, "annotations.0.image_id"),
        ({"annotations": {"image_id": 10**17}}, "which is not listed"),
        ({"annotations": {"category_id": -(2**64)}}, "annotations.0.category_id"),
        ({"annotations": {"bbox": [1, 2, 3, float("nan")]}}, "annotations.0.bbox"),
        ({"annotations": {"bbox": [1, 2, 3, float("inf")]}}, "annotations.0.bbox"),
        ({"images": {"height": "tall"}}, "images.0.height"),
        ({"images": {"height": 10**400}}, "images.0.height"),
        ({"images": {"width": -1}}, "images.0.width"),
        ({"images": {"file_name": "a" * 300 + ".png"}}, "does not exist"),
        ({"images": {"file_name": "../x.png"}}, "leads out of the folder"),
        ({"images": {"id": 1}}, "has two images of one id"),
    ],
)
def test_a_coco_file_with_a_wrong_entry(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    file = edited(boxes_data.write_coco(tmp_path / "data", 2), **changes)
    with pytest.raises(InputError) as caught:
        opened(file)
    assert message in caught.value.message
    assert len(caught.value.message) < 1000


def test_an_object_that_is_written_twice_counts_once(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "coco", 3)
    plain = boxes(file)
    document = json.loads(file.read_text())
    document["annotations"] += [{**entry, "id": entry["id"] + 5000} for entry in document["annotations"]]
    file.write_text(json.dumps(document))
    assert boxes(file) == plain
    yolo = boxes_data.write_yolo(tmp_path / "yolo", 3)
    plain = boxes(yolo)
    for label in (yolo / "labels").iterdir():
        label.write_text(f"{label.read_text()}\r\n{label.read_text()}\r\n")
    assert boxes(yolo) == plain


def test_labelimg_writes_the_classes_among_the_labels(tmp_path: Path) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 3)
    plain = boxes(folder)
    (folder / "labels" / "classes.txt").write_text("disc\nsquare\n")
    assert boxes(folder) == plain
    (folder / "classes.txt").unlink()
    assert boxes(folder) == plain
    assert opened(folder).classes == ("disc", "square")
    (folder / "classes.txt").write_text("square\ndisc\n")
    with pytest.raises(InputError, match=r"classes\.txt and .*classes\.txt name other classes"):
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


def test_a_csv_file_of_numbers_without_names_says_what_a_training_needs(tmp_path: Path) -> None:
    boxes_data.write_images(tmp_path / "images", 3)
    table = tmp_path / "list.csv"
    table.write_text("path,label\n" + "".join(f"images/{number}.png,{number}\n" for number in range(3)))
    prepared = prepare(opened(table), Contract(height=8, width=8), tmp_path / "prepared")
    check_labels(prepared, 3)
    with pytest.raises(InputError, match="does not name its classes") as caught:
        check_labels(prepared, 0)
    assert "classes.txt" in str(caught.value.hint)


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text(f"path\n{'a' * 5000}.png\n")
    with pytest.raises(InputError, match=r"list\.csv:2: image 'a+' does not exist"):
        opened(table)


def test_many_pieces_of_text_take_linear_time(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_text("<a><b>" + "x<!---->" * 400_000 + "</b></a>")
    started = time.process_time()
    assert read_xml(file).value("b") == "x" * 400_000
    assert time.process_time() - started < 4.0


def test_a_large_coco_file_takes_linear_time(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 1)
    document = json.loads(file.read_text())
    entry = document["annotations"][0]
    document["annotations"] = [
        {**entry, "id": number, "bbox": [number / 1000, 1, 9, 9]} for number in range(100_000)
    ]
    file.write_text(json.dumps(document))
    started = time.process_time()
    assert len(boxes(file)[0]) == 100_000
    assert time.process_time() - started < 8.0, f"{file.stat().st_size} bytes"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text("01.5- \n\te+nainf,_\u0663\0\ufeff", max_size=60))
def test_any_label_file_is_boxes_or_one_line(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "data"
    if not folder.exists():
        boxes_data.write_yolo(folder, 1)
    (folder / "labels" / "0.txt").write_text(text, encoding="utf-8")
    try:
        message = f"{np.shape(boxes(folder)[0])}"
    except InputError as error:
        message = error.message
    assert len(message.splitlines()) == 1
