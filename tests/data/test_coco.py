"""Boxes in a COCO file: read as they are meant, or refused in one line."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgecnn.core.errors import InputError
from tests.support import boxes_data
from tests.support.boxes_data import boxes_of, objects_of, opened

if TYPE_CHECKING:
    from collections.abc import Callable


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


def test_classes_are_the_categories_in_the_order_of_their_ids(tmp_path: Path) -> None:
    """The file lists category 9 before category 7, and neither is the index of a class."""
    file = boxes_data.write_coco(tmp_path / "data", 6)
    assert opened(file).classes == boxes_data.CLASSES
    labels = [image.labels.tolist() for image in objects_of(opened(file))]
    assert labels == [[row[4] for row in boxes_data.scene(number)[1]] for number in range(6)]


def test_a_box_is_given_by_its_corner_and_its_sides(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 1)
    document = json.loads(file.read_text())
    document["annotations"][1]["bbox"] = [1.5, 2, 10, 20]
    file.write_text(json.dumps(document))
    assert boxes_of(file)[0][1] == [1.5, 2, 11.5, 22]


def test_an_image_without_annotations_has_no_objects(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 2)
    document = json.loads(file.read_text())
    document["annotations"] = [entry for entry in document["annotations"] if entry["image_id"] == 1]
    file.write_text(json.dumps(document))
    found = opened(file)
    assert [len(image) for image in objects_of(found)] == [0, len(boxes_data.scene(1)[1])]
    assert found.name(0) == "0.png"


def test_coco_with_a_byte_order_mark_and_without_sizes(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 3)
    plain = boxes_of(file)
    edited(file, images={"width": None, "height": None})
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert boxes_of(file) == plain
    objects = opened(file).objects
    assert objects is not None
    assert objects.sizes == [(48, 64)] * 3


def test_coco_in_its_own_folders(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 3)
    plain = boxes_of(file)
    own = tmp_path / "data" / "annotations" / "instances_val2017.json"
    own.parent.mkdir()
    file.rename(own)
    (tmp_path / "data" / "images").rename(tmp_path / "data" / "val2017")
    assert boxes_of(own) == plain


def test_coco_whose_names_begin_with_the_folder(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 3)
    plain = boxes_of(file)
    document = json.loads(file.read_text())
    for image in document["images"]:
        image["file_name"] = f"images/{image['file_name']}"
    file.write_text(json.dumps(document))
    assert boxes_of(file) == plain


def test_an_object_that_is_written_twice_counts_once(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "coco", 3)
    plain = boxes_of(file)
    document = json.loads(file.read_text())
    document["annotations"] += [{**entry, "id": entry["id"] + 5000} for entry in document["annotations"]]
    file.write_text(json.dumps(document))
    assert boxes_of(file) == plain


def test_crowds_are_marked(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 1)
    document = json.loads(file.read_text(encoding="utf-8"))
    document["annotations"][0]["iscrowd"] = 1
    file.write_text(json.dumps(document), encoding="utf-8")
    assert objects_of(opened(file))[0].ignored.tolist()[0]


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


def changed(key: str, index: int, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document[key][index].update(values)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (changed("annotations", 0, category_id=8), "annotation 0 has category 8, which is not listed"),
        (changed("annotations", 0, image_id=55), "annotation 0 is of image 55, which is not listed"),
        (changed("annotations", 0, bbox=[1, 2, 3]), "is not a COCO file of boxes"),
        (changed("images", 0, file_name="../x.png"), "leads out of the folder"),
        (changed("images", 0, file_name="gone.png"), "image 'gone.png' does not exist"),
        (changed("images", 0, file_name="1.png"), "lists the image 1.png twice"),
        (changed("images", 0, id=1), "two images of one id"),
        (changed("images", 0, height="tall"), "is not a COCO file of boxes"),
        (changed("categories", 0, id=7), "two categories of one id"),
        (lambda document: document.update(categories=[], annotations=[]), "names no category"),
        (
            lambda document: document.pop("annotations"),
            "a COCO file of boxes: annotations is missing",
        ),
        (lambda document: document.update(images=[], annotations=[]), "lists no image"),
        (lambda document: document.update(images=5), "is not a COCO file of boxes"),
    ],
)
def test_broken_coco_files(tmp_path: Path, edit: Callable[[dict[str, Any]], object], message: str) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 3)
    document = json.loads(file.read_text(encoding="utf-8"))
    edit(document)
    file.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        opened(file)


@pytest.mark.parametrize("text", ["[]", "{", "\ud83d"])
def test_json_that_is_no_coco(tmp_path: Path, text: str) -> None:
    file = tmp_path / "boxes.json"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(InputError, match=r"is not a (COCO|JSON) file"):
        opened(file)


def test_a_large_coco_file_takes_linear_time(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 1)
    document = json.loads(file.read_text())
    entry = document["annotations"][0]
    document["annotations"] = [
        {**entry, "id": number, "bbox": [number / 1000, 1, 9, 9]} for number in range(100_000)
    ]
    file.write_text(json.dumps(document))
    started = time.process_time()
    assert len(boxes_of(file)[0]) == 100_000
    assert time.process_time() - started < 8.0, f"{file.stat().st_size} bytes"
