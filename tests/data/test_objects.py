"""Boxes of images: alike in the three formats, held to their image, kept by preparing and selecting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from edgecnn.core.errors import InputError
from edgecnn.core.store.digest_cache import DigestCache
from edgecnn.data.prepare import check_labels, prepare
from edgecnn.data.prepared import PreparedSet
from edgecnn.data.split import is_held_out
from edgecnn.ondevice.contract import Contract
from tests.support import boxes_data
from tests.support.boxes_data import objects_of, opened

if TYPE_CHECKING:
    from collections.abc import Callable


CONTRACT = Contract(height=32, width=32, resize="letterbox")
WRITERS: dict[str, Callable[[Path, int], Path]] = {
    "voc": boxes_data.write_voc,
    "yolo": boxes_data.write_yolo,
    "coco": boxes_data.write_coco,
}


@pytest.fixture(params=sorted(WRITERS))
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return WRITERS[request.param](tmp_path / "data", 6)


def test_every_format_says_the_same(dataset: Path) -> None:
    source = opened(dataset)
    assert source.classes == boxes_data.CLASSES
    for index in range(len(source)):
        _, rows = boxes_data.scene(int(source.name(index).removesuffix(".png")))
        objects = objects_of(source)[index]
        np.testing.assert_allclose(objects.boxes, [row[:4] for row in rows], atol=0.01)
        assert objects.labels.tolist() == [row[4] for row in rows]
        assert objects.size == (48, 64)


def test_boxes_survive_preparing_selecting_and_opening(dataset: Path, tmp_path: Path) -> None:
    source = opened(dataset)
    prepared = prepare(source, CONTRACT, tmp_path / "prepared")
    again = PreparedSet.open(prepared.select(np.array([4, 1]), tmp_path / "some").directory)
    for place, index in enumerate((4, 1)):
        np.testing.assert_array_equal(objects_of(again)[place].boxes, objects_of(source)[index].boxes)
    check_labels(again, classes=2, boxes=True)


def test_a_moved_box_is_other_data(tmp_path: Path) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 2)
    with DigestCache() as cache:
        before = opened(folder).digest(cache)
        file = folder / "annotations" / "0.xml"
        text = file.read_text(encoding="utf-8")
        _, rows = boxes_data.scene(0)
        moved = text.replace(f"<xmin>{rows[0][0]}<", f"<xmin>{rows[0][0] + 1}<")
        assert moved != text
        file.write_text(moved, encoding="utf-8")
        assert opened(folder).digest(cache) != before


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda _: [(5, 5, 5, 20, 0)], r"box 1 \(5, 5, 5, 20\) has no area"),
        (lambda _: [(20, 5, 10, 20, 0)], "has no area"),
        (lambda rows: [*rows, (5, 5, 90, 20, 0)], r"\(5, 5, 90, 20\) leaves the image of 64x48 pixels"),
        (lambda _: [(-9, 5, 20, 20, 0)], "leaves the image"),
        (lambda _: [("nan", 5, 20, 20, 0)], "has a corner that is not a finite number"),
    ],
)
def test_boxes_outside_or_without_area_are_refused_or_left_out(
    tmp_path: Path, edit: Callable[[list[boxes_data.Row]], list[tuple[int | str, ...]]], message: str
) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 3)
    text = boxes_data.voc_xml("1.png", edit(boxes_data.scene(1)[1]))
    (folder / "annotations" / "1.xml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"image 1.png cannot be used: .*{message}"):
        prepare(opened(folder), CONTRACT, tmp_path / "prepared")
    kept = prepare(opened(folder), CONTRACT, tmp_path / "prepared", on_bad_image="skip")
    assert kept.names == ("0.png", "2.png")
    assert list(kept.skipped) == ["1.png"]
    assert len(objects_of(kept)) == 2


def test_a_pixel_over_the_border_is_cut_off(tmp_path: Path) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 2)
    text = boxes_data.voc_xml("1.png", [(10, 10, 65, 49, 0)])
    (folder / "annotations" / "1.xml").write_text(text, encoding="utf-8")
    prepared = prepare(opened(folder), CONTRACT, tmp_path / "prepared")
    assert objects_of(prepared)[1].boxes.tolist() == [[10, 10, 64, 48]]


def test_annotations_of_another_size_than_the_image(tmp_path: Path) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 2)
    text = boxes_data.voc_xml("1.png", [], size=(64, 48))
    (folder / "annotations" / "1.xml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="has 64x48 pixels, but its annotation says 48x64"):
        prepare(opened(folder), CONTRACT, tmp_path / "prepared")


def test_a_photo_on_its_side_is_measured_upright(tmp_path: Path) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 1)
    file = folder / "images" / "0.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(file) as image:
        image.save(file, exif=exif)
    prepared = prepare(opened(folder), CONTRACT, tmp_path / "prepared")
    assert objects_of(prepared)[0].size == (64, 48)


def test_images_without_boxes_are_background(tmp_path: Path) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 3)
    (folder / "labels" / "0.txt").unlink()
    (folder / "labels" / "1.txt").write_text("\n \n", encoding="utf-8")
    prepared = prepare(opened(folder), CONTRACT, tmp_path / "prepared")
    assert [len(image) for image in objects_of(prepared)][:2] == [0, 0]
    assert prepared.labels[:2].tolist() == [-1, -1]
    check_labels(prepared, classes=2, boxes=True)


def test_an_empty_image_file_is_named(tmp_path: Path) -> None:
    folder = boxes_data.write_yolo(tmp_path / "data", 2)
    (folder / "images" / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"image 1.png cannot be used: it is not a JPEG"):
        prepare(opened(folder), CONTRACT, tmp_path / "prepared")


def test_the_held_out_fifth_stays_the_same(tmp_path: Path) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 40)
    train, held_out = opened(f"{folder}@train"), opened(f"{folder}@held-out")
    names = [{source.name(index) for index in range(len(source))} for source in (train, held_out)]
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 40
    assert 2 <= len(held_out) <= 14
    for index in range(len(held_out)):
        _, rows = boxes_data.scene(int(held_out.name(index).removesuffix(".png")))
        assert len(objects_of(held_out)[index]) == len(rows)


def test_a_part_without_images_is_refused(tmp_path: Path) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 1)
    empty = "train" if is_held_out("0.png") else "held-out"
    with pytest.raises(InputError, match=f"none is in the part '{empty}'"):
        opened(f"{folder}@{empty}")


def test_labels_and_boxes_are_not_taken_for_each_other(tmp_path: Path, picture_folder: Path) -> None:
    boxes = prepare(opened(boxes_data.write_voc(tmp_path / "data", 2)), CONTRACT, tmp_path / "boxes")
    labels = prepare(opened(picture_folder), CONTRACT, tmp_path / "labels")
    with pytest.raises(InputError, match="the network is a classifier, but the dataset has boxes"):
        check_labels(boxes, classes=2)
    with pytest.raises(InputError, match="the network is a detector, but the dataset has labels only"):
        check_labels(labels, classes=3, boxes=True)
    with pytest.raises(InputError, match="the dataset has 2 classes, the network has 5"):
        check_labels(boxes, classes=5, boxes=True)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip"])
def test_a_damaged_prepared_set(tmp_path: Path, damage: bytes) -> None:
    prepared = prepare(opened(boxes_data.write_voc(tmp_path / "data", 2)), CONTRACT, tmp_path / "prepared")
    (prepared.directory / "objects.npz").write_bytes(damage)
    with pytest.raises(InputError, match="is not a whole file of arrays"):
        PreparedSet.open(prepared.directory)


def test_the_raccoons(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "raccoon"
    train, held_out = opened(f"{folder}@train"), opened(f"{folder}@held-out")
    assert (len(train), len(held_out)) == (157, 43)
    prepared = prepare(held_out, CONTRACT, tmp_path / "prepared")
    assert sum(len(image) for image in objects_of(prepared)) == 46
