"""The three formats of boxes: equal where they say the same, refused with a reason where they are broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from edgecnn.core.errors import InputError
from edgecnn.core.store.digest_cache import DigestCache
from edgecnn.data.prepare import check_labels, prepare
from edgecnn.data.prepared import PreparedSet
from edgecnn.data.source import open_source
from edgecnn.data.split import is_held_out
from edgecnn.ondevice.contract import Contract
from tests.support import boxes_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.data.base import ImageSource
    from edgecnn.data.objects import Objects

CONTRACT = Contract(height=32, width=32, resize="letterbox")
WRITERS: dict[str, Callable[[Path, int], Path]] = {
    "voc": boxes_data.write_voc,
    "yolo": boxes_data.write_yolo,
    "coco": boxes_data.write_coco,
}


def opened(reference: Path | str) -> ImageSource:
    return open_source(str(reference), cache_dir=Path("unused"))


def objects_of(images: ImageSource | PreparedSet) -> Objects:
    assert images.objects is not None, "no boxes came with the images"
    return images.objects


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


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb">]><annotation><filename>&b;</filename></annotation>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not an annotation in XML"),
        ("<annotation>", "is not an annotation in XML"),
        (BOMB, "declares a document type"),
        ("<a>" * 100, "levels"),
        ("<a><filename>../../x.png</filename></a>", "leads out of the folder"),
        ("<a><filename>9.png</filename></a>", "image '9.png' does not exist"),
        ("<a/>", "empty path"),
        (boxes_data.voc_xml("1.png", []), "another annotation also names 1.png"),
        (boxes_data.voc_xml("0.png", [("x", 1, 2, 3, 0)]), "does not hold the numbers"),
        (boxes_data.voc_xml("0.png", []).replace(">64<", ">wide<"), "not in whole numbers"),
        ("<a><filename>0.png</filename><object><bndbox/></object></a>", "object 1: '' is not one class"),
    ],
)
def test_broken_annotations_of_voc(tmp_path: Path, text: str, message: str) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 2)
    (folder / "annotations" / "0.xml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        opened(folder)


def test_an_entity_in_utf_16_is_no_way_around(tmp_path: Path) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 1)
    (folder / "annotations" / "0.xml").write_bytes(BOMB.encode("utf-16"))
    with pytest.raises(InputError, match="declares a document type"):
        opened(folder)


def test_a_class_that_classes_txt_does_not_name(tmp_path: Path) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 2)
    (folder / "classes.txt").write_text("cat\ndog", encoding="utf-8")
    with pytest.raises(InputError, match=r"object 1: '\w+' is not one class of cat, dog"):
        opened(folder)


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


def test_crowds_are_marked(tmp_path: Path) -> None:
    file = boxes_data.write_coco(tmp_path / "data", 1)
    document = json.loads(file.read_text(encoding="utf-8"))
    document["annotations"][0]["iscrowd"] = 1
    file.write_text(json.dumps(document), encoding="utf-8")
    assert objects_of(opened(file))[0].ignored.tolist()[0]


@pytest.mark.parametrize("text", ["[]", "{", "\ud83d"])
def test_json_that_is_no_coco(tmp_path: Path, text: str) -> None:
    file = tmp_path / "boxes.json"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(InputError, match=r"is not a (COCO|JSON) file"):
        opened(file)


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
