"""Every refusal of a dataset has a hint that says what to write."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import edgecnn.data
from edgecnn.core.errors import EdgecnnError
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.ondevice.contract import Contract

FOLDER = Path(edgecnn.data.__file__).parent
REASONS_OF_ANOTHER = {"fashion_mnist_fetch.py"}
"""Modules whose inner errors become reasons in the message of one error, which has a hint."""


def _without_hint(file: Path) -> list[int]:
    raised = [
        node.exc
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    ]
    return [
        call.lineno
        for call in raised
        if isinstance(call.func, ast.Name)
        and call.func.id in ("InputError", "UsageError", "MissingDependency")
        and "hint" not in {keyword.arg for keyword in call.keywords}
    ]


def test_every_error_of_a_dataset_is_raised_with_a_hint() -> None:
    found = {file.name: _without_hint(file) for file in FOLDER.glob("*.py")}
    assert {name: lines for name, lines in found.items() if lines and name not in REASONS_OF_ANOTHER} == {}


def opened_and_prepared(reference: str) -> None:
    source = open_source(reference, cache_dir=Path())
    prepare(source, Contract(height=8, width=8), Path(f"{reference}-prepared"))


def hint_of(reference: Path | str) -> str:
    """Open and decode a dataset; return the hint of the error."""
    with pytest.raises(EdgecnnError) as found:
        opened_and_prepared(str(reference))
    assert len(found.value.message.splitlines()) == 1
    assert found.value.hint
    assert len(found.value.hint.splitlines()) == 1
    return found.value.hint


def picture(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (200, 30, 30)).save(file, "PNG")


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ("images\\a.png,0", "write images/a.png"),
        ("/somewhere/else/a.png,0", "write a.png"),
        ("C:\\pictures\\a.png,0", "write a.png"),
        ("../a.png,0", "write a.png"),
        (",0", "write the path of the image"),
        ("a.png,7", "labels count from 0"),
        ("a.png,bird", "add it to classes.txt"),
        ("a.png,twice", "write the number of the class"),
        ("a.png," + "x," * 300, "path,label"),
        ('"a.png,0', "path,label"),
    ],
)
def test_csv(tmp_path: Path, row: str, hint: str) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "classes.txt").write_text("cat\ntwice\ntwice\n")
    (tmp_path / "list.csv").write_text(f"path,label\n{row}\n")
    assert hint in hint_of(tmp_path / "list.csv")


def test_a_path_of_this_machine_is_made_relative(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "list.csv").write_text(f"path,label\n{tmp_path}/images/a.png,0\n")
    assert hint_of(tmp_path / "list.csv").endswith("write images/a.png")


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        (
            {"annotations": [{"image_id": 9, "category_id": 1, "bbox": [1, 1, 5, 5]}]},
            "add the image to images",
        ),
        ({"annotations": [{"image_id": 1, "category_id": 9, "bbox": [1, 1, 5, 5]}]}, "add it to categories"),
        ({"annotations": [{"image_id": 1, "category_id": 1}]}, '"bbox": [left, top, width, height]'),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 0, 5]}]}, "or its annotation"),
        ({"annotations": [{"image_id": 1, "caption": "a cat"}]}, "a COCO file is"),
        ({"categories": []}, "a COCO file is"),
        ({"images": {}}, "a COCO file is"),
    ],
)
def test_coco(tmp_path: Path, changes: dict[str, Any], hint: str) -> None:
    picture(tmp_path / "a.png")
    whole = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(whole | changes))
    assert hint in hint_of(tmp_path / "boxes.json")


def test_images_of_coco_in_a_folder_of_another_name(tmp_path: Path) -> None:
    picture(tmp_path / "train2017" / "a.png")
    (tmp_path / "annotations").mkdir()
    file = tmp_path / "annotations" / "instances_train.json"
    whole = {"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "cat"}]}
    file.write_text(json.dumps({**whole, "annotations": []}))
    assert hint_of(file).startswith("call the file instances_train2017.json")
    file.rename(file.with_name("instances_train2017.json"))
    assert len(open_source(str(file.with_name("instances_train2017.json")), cache_dir=tmp_path)) == 1


@pytest.mark.parametrize(
    ("file", "thing", "hint"),
    [
        ("C:\\pictures\\a.png", "<name>cat</name>", "<filename>a.png</filename>"),
        ("frame0.png", "<name>cat</name>", "<filename>a.png</filename>"),
        ("a.png", "", "<name>CLASS</name>"),
        ("a.png", "<name>cat</name>", "a number of pixels"),
        ("a.png", "<name>bird</name>", "add it to classes.txt"),
    ],
)
def test_voc(tmp_path: Path, file: str, thing: str, hint: str) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "classes.txt").write_text("cat\n")
    text = f"<annotation><filename>{file}</filename><object>{thing}</object></annotation>"
    (tmp_path / "annotations" / "a.xml").write_text(text)
    assert hint in hint_of(tmp_path)


def test_classes_of_voc_that_differ_only_in_their_case(tmp_path: Path) -> None:
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    for name in ("cat", "Cat"):
        picture(tmp_path / "images" / f"{name}1.png")
        thing = f"<object><name>{name}</name>{box}</object>"
        (tmp_path / "annotations").mkdir(exist_ok=True)
        text = f"<annotation><filename>{name}1.png</filename>{thing}</annotation>"
        (tmp_path / "annotations" / f"{name}1.xml").write_text(text)
    assert "or both into a classes.txt" in hint_of(tmp_path)
    (tmp_path / "classes.txt").write_text("cat\nCat\n")
    assert open_source(str(tmp_path), cache_dir=tmp_path).classes == ("cat", "Cat")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("0 .5 .5 .2 .2 .87", "remove the sixth value"),
        ("0 .1 .1 .5 .1 .5 .5 .1 .5", "write the box around it"),
        ("1 .5 .5 .2 .2", "classes count from 0"),
        ("0.0 .5 .5 .2 .2", "the class as a whole number"),
        ("0 20 15 8 6", "as shares of the image's size"),
        ("0 .5 .5 .0 .2", "or its annotation"),
    ],
)
def test_yolo(tmp_path: Path, line: str, hint: str) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "labels" / "a.txt").write_text(line)
    assert hint in hint_of(tmp_path)


def test_yolo_whose_classes_are_in_data_yaml(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "data.yaml").write_text("names: [cat]\n")
    assert hint_of(tmp_path).endswith("such as the names in data.yaml")
    (tmp_path / "classes.txt").write_bytes("K\u00fcrbis".encode("latin-1"))
    assert "UTF-8" in hint_of(tmp_path)


def test_folders(tmp_path: Path) -> None:
    picture(tmp_path / "folder" / "cat" / "a.png")
    (tmp_path / "folder" / "classes.txt").write_text("dog\n")
    assert "add its name as a line" in hint_of(tmp_path / "folder")
    (tmp_path / "folder" / "classes.txt").write_text("cat\n\ndog\n")
    assert "write the name of the class" in hint_of(tmp_path / "folder")
    (tmp_path / "folder" / "classes.txt").write_text("cat\n")
    assert "without @held-out" in hint_of(f"{tmp_path / 'folder'}@held-out")
