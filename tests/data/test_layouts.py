"""Folders and files of well-known datasets that cannot be opened as they are: the hint says what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.data.source import open_source
from edgecnn.data.xml_tree import read_xml


def refused(reference: Path) -> InputError:
    with pytest.raises(InputError) as found:
        open_source(str(reference), cache_dir=reference.parent)
    assert len(found.value.message.splitlines()) == 1
    assert found.value.hint
    return found.value


def test_cocos_own_folder(tmp_path: Path) -> None:
    for name in ("annotations", "train2017", "val2017"):
        (tmp_path / name).mkdir()
    for name in ("captions_train2017.json", "instances_train2017.json", "instances_val2017.json"):
        (tmp_path / "annotations" / name).write_text("{}")
    assert str(tmp_path / "annotations" / "instances_train2017.json") in (refused(tmp_path).hint or "")


@pytest.mark.parametrize("part", ["train", "valid"])
def test_a_yolo_folder_of_parts(tmp_path: Path, part: str) -> None:
    for name in ("images", "labels"):
        (tmp_path / part / name).mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("names: [a]\n")
    assert refused(tmp_path).hint == f"name one: {tmp_path / part}"


def test_a_yolo_folder_with_the_parts_inside(tmp_path: Path) -> None:
    for name in ("images", "labels"):
        (tmp_path / name / "train").mkdir(parents=True)
    assert "move images/train to train/images" in (refused(tmp_path).hint or "")


def test_an_image_named_without_its_ending(tmp_path: Path) -> None:
    (tmp_path / "cat.JPG").write_bytes(b"")
    (tmp_path / "list.csv").write_text("path,label\ncat,0\n")
    assert refused(tmp_path / "list.csv").hint == "there is cat.JPG: write the name with this ending"
    (tmp_path / "list.csv").write_text("path,label\ndog,0\n")
    assert refused(tmp_path / "list.csv").hint == f"paths are relative to {tmp_path}"


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators(tmp_path: Path, separator: str) -> None:
    (tmp_path / "list.csv").write_text(f"path{separator}label\ncat.jpg{separator}0\n")
    assert "path,label" in (refused(tmp_path / "list.csv").hint or "")


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b'<!DOCTYPE annotation SYSTEM "a.dtd"><annotation/>', "remove the DOCTYPE"),
        ('<?xml version="1.0" encoding="gb2312"?><a>\u732b</a>'.encode("gb2312"), "XML in UTF-8"),
        (b"no xml", "XML in UTF-8"),
    ],
)
def test_annotations_that_are_no_plain_xml(tmp_path: Path, content: bytes, hint: str) -> None:
    file = tmp_path / "a.xml"
    file.write_bytes(content)
    with pytest.raises(InputError) as found:
        read_xml(file)
    assert hint in (found.value.hint or "")
