"""Boxes in Pascal VOC annotations: read as they are meant, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from tests.support import boxes_data
from tests.support.boxes_data import objects_of, opened


def test_classes_are_the_names_that_occur_unless_a_file_orders_them(tmp_path: Path) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 6)
    assert opened(folder).classes == ("disc", "square")
    (folder / "classes.txt").write_text("square\nnever\ndisc\n", encoding="utf-8")
    found = opened(folder)
    assert found.classes == ("square", "never", "disc")
    wanted = [[(2, 0)[row[4]] for row in boxes_data.scene(number)[1]] for number in range(6)]
    assert [image.labels.tolist() for image in objects_of(found)] == wanted


def test_difficult_objects_count_neither_as_found_nor_as_missed(tmp_path: Path) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 1)
    text = boxes_data.voc_xml("0.png", [(1, 2, 30, 40, 0), (5, 6, 20, 30, 1)])
    hard = text.replace("<difficult>0<", "<difficult>1<", 1)
    (folder / "annotations" / "0.xml").write_text(hard, encoding="utf-8")
    (image,) = objects_of(opened(folder))
    assert image.ignored.tolist() == [True, False]
    assert image.boxes.tolist() == [[1, 2, 30, 40], [5, 6, 20, 30]]


@pytest.mark.parametrize("side", ["", "0"])
def test_a_size_that_is_not_given_is_read_from_the_image(tmp_path: Path, side: str) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 1)
    text = boxes_data.voc_xml("0.png", [(1, 2, 30, 40, 0)]).replace(">64<", f">{side}<")
    (folder / "annotations" / "0.xml").write_text(text, encoding="utf-8")
    assert objects_of(opened(folder))[0].size == (48, 64)


def test_a_folder_without_annotations_is_named(tmp_path: Path) -> None:
    folder = boxes_data.write_voc(tmp_path / "data", 1)
    (folder / "annotations" / "0.xml").unlink()
    with pytest.raises(InputError, match=r"holds no \.xml annotation"):
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
