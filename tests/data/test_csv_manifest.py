from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgecnn.core.errors import InputError
from edgecnn.core.store.digest_cache import DigestCache
from edgecnn.data import csv_manifest
from edgecnn.data.csv_manifest import open_csv_manifest
from edgecnn.data.prepare import check_labels, prepare
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(picture_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(picture_folder / "bars", tmp_path / "images")
    return tmp_path


def manifest(folder: Path, text: str | bytes) -> Path:
    file = folder / "list.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_reads_paths_and_integer_labels(folder: Path) -> None:
    source = open_csv_manifest(manifest(folder, "path,label\nimages/1.jpg,7\n\nimages/./0.jpg, 0 \n"))
    assert source.files == ("images/1.jpg", "images/0.jpg")
    assert source.labels.tolist() == [7, 0]
    assert source.classes == ()
    assert source.load(0).size == (64, 48)


def test_reads_what_spreadsheets_write(folder: Path) -> None:
    source = open_csv_manifest(manifest(folder, b'\xef\xbb\xbflabel,path\r\n"2","images/1.jpg"\r\n'))
    assert source.files == ("images/1.jpg",)
    assert source.labels.tolist() == [2]


def test_class_names_come_from_classes_txt(folder: Path) -> None:
    (folder / "classes.txt").write_text("crane\ntench\ncrane\n")
    source = open_csv_manifest(manifest(folder, "path,label\nimages/0.jpg,tench\nimages/1.jpg,2\n"))
    assert source.labels.tolist() == [1, 2]
    assert source.classes == ("crane", "tench", "crane")


def test_without_labels(folder: Path) -> None:
    assert open_csv_manifest(manifest(folder, "path\nimages/0.jpg\n")).labels.tolist() == [-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no image"),
        ("path,label\n", "lists no image"),
        ("images/0.jpg,0\n", "1: unknown column 'images/0.jpg'"),
        ("label\n0\n", "1: there is no column 'path'"),
        ("path,label,path\nimages/0.jpg,0,x\n", "1: column 'path' appears twice"),
        ("path,label\nimages/0.jpg\n", "2: 1 values for 2 columns"),
        ("path,label\nimages/0.jpg,0\nimages/9.jpg,0\n", "3: image 'images/9.jpg' does not exist"),
        ("path,label\nimages,0\n", "2: image 'images' does not exist"),
        ("path,label\n,0\n", "2: empty path"),
        ("path,label\n/etc/passwd,0\n", "2: '/etc/passwd' leads out"),
        ("path,label\n../secret.jpg,0\n", "2: '../secret.jpg' leads out"),
        ("path,label\nimages/../../x.jpg,0\n", "leads out of the folder"),
        ("path,label\n..,0\n", "leads out"),
        ("path,label\nimages/0.jpg,\n", "2: label '' is not an integer"),
        ("path,label\nimages/0.jpg,cat\n", "2: label 'cat' is not an integer"),
        ("path,label\nimages/0.jpg,1.0\n", "2: label '1.0' is not an integer"),
        ("path,label\nimages/0.jpg,-1\n", "2: label -1 is out of range"),
        ("path,label\nimages/0.jpg,2000000\n", "2: label 2000000 is out of range"),
        ("path,label\nimages/0.jpg," + "9" * 5000 + "\n", "2: label 99999999999999999999 is out of range"),
        ('path,label\n"images/0.jpg,0\n', "not a CSV file"),
        (b"path,label\n\xff\xfe,0\n", "not UTF-8"),
        (b"path,label\nimages/0.jpg\0,0\n", "empty path|not a CSV file|does not exist"),
    ],
)
def test_bad_manifests_name_the_line(folder: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=rf"list\.csv.*({message})"):
        open_csv_manifest(manifest(folder, text))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("dog", "label 'dog' is not a class of classes.txt"),
        ("crane", "'crane' is the name of two classes"),
        ("3", "label 3 is out of range, it must be 0..2"),
    ],
)
def test_labels_are_checked_against_classes_txt(folder: Path, label: str, message: str) -> None:
    (folder / "classes.txt").write_text("crane\ntench\ncrane\n")
    with pytest.raises(InputError, match=rf"list\.csv:2: .*{message}"):
        open_csv_manifest(manifest(folder, f"path,label\nimages/0.jpg,{label}\n"))


def test_missing_and_large_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="No such file"):
        open_csv_manifest(folder / "list.csv")
    monkeypatch.setattr(csv_manifest, "MAX_BYTES", 10)
    with pytest.raises(InputError, match="larger than"):
        open_csv_manifest(manifest(folder, "path,label\nimages/0.jpg,0\n"))


@given(text=st.one_of(st.text(), st.binary(), st.text(alphabet='path,label\n"./\\0 1-é\0\r')))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_refused_or_lists_files_inside(folder: Path, text: str | bytes) -> None:
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    try:
        source = open_csv_manifest(manifest(folder, b"path,label\nimages/0.jpg,0\n" + content))
    except InputError:
        return
    for name in source.files:
        assert (folder / name).resolve().is_relative_to(folder.resolve()), name


def test_digest_follows_labels_and_order(folder: Path) -> None:
    def digest(text: str) -> str:
        return open_csv_manifest(manifest(folder, text)).digest(DigestCache())

    same = {digest("path,label\nimages/0.jpg,0\n"), digest("label,path\n0,images/./0.jpg\n")}
    assert len(same) == 1
    assert digest("path,label\nimages/0.jpg,1\n") not in same
    assert digest("path,label\nimages/1.jpg,0\n") not in same


def test_numbers_without_names_say_what_a_training_needs(folder: Path, tmp_path: Path) -> None:
    table = manifest(
        folder, "path,label\n" + "".join(f"images/{number}.jpg,{number}\n" for number in range(3))
    )
    prepared = prepare(open_csv_manifest(table), Contract(height=8, width=8), tmp_path / "prepared")
    check_labels(prepared, 3)
    with pytest.raises(InputError, match="does not name its classes") as caught:
        check_labels(prepared, 0)
    assert "classes.txt" in str(caught.value.hint)


def test_a_name_that_no_file_can_have(folder: Path) -> None:
    with pytest.raises(InputError, match=r"list\.csv:2: image 'a+' does not exist"):
        open_csv_manifest(manifest(folder, f"path\n{'a' * 5000}.png\n"))
