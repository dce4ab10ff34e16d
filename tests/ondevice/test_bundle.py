from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgecnn.ondevice.bundle import Bundle, PackageManifest, plain_path
from edgecnn.ondevice.failure import MOST_CHARACTERS, DamagedPackage
from edgecnn.ondevice.model import Model
from edgecnn.ondevice.self_test import Golden, self_test


def edit(folder: Path, **changes: object) -> Path:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return folder


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "tiny"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema_version": 2}, "schema 2, not 1"),
        ({"classes": 7}, "5 labels, not 7"),
        ({"model": "../../etc/passwd"}, "is no path inside the package"),
        ({"model": "other.tflite"}, r"other\.tflite is missing"),
        ({"contract": {"height": -1, "width": 8}}, r"manifest\.json: contract: input size -1x8"),
        ({"contract": {"height": 9, "width": 9}}, "the contract does not fit the model"),
        ({"runtimes": None}, r"manifest\.json: runtimes: null is not a list"),
    ],
)
def test_a_manifest_that_does_not_fit(copy: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(DamagedPackage, match=words):
        Model(edit(copy, **changes))


def test_missing_and_damaged_files_are_named(copy: Path) -> None:
    (copy / "labels.txt").write_text("one\ntwo\n")
    with pytest.raises(DamagedPackage, match=r"labels\.txt has 2 labels, not 5"):
        Bundle.open(copy)
    (copy / "model.tflite").write_bytes(b"no model")
    (copy / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    with pytest.raises(DamagedPackage, match=r"model\.tflite cannot be opened by litert"):
        Model(copy)
    (copy / "manifest.json").unlink()
    with pytest.raises(DamagedPackage, match=r"manifest\.json cannot be read"):
        Bundle.open(copy)


def test_the_self_test_names_a_changed_file(copy: Path) -> None:
    (copy / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    with pytest.raises(DamagedPackage, match=r"labels\.txt was changed"):
        self_test(copy)


def test_the_self_test_notices_other_preprocessing_and_other_outputs(copy: Path) -> None:
    contract = json.loads((copy / "manifest.json").read_text())["contract"]
    found = self_test(edit(copy, contract=contract | {"resize": "letterbox"}))
    assert not found.passed
    assert found.preprocessing_equal < found.pictures
    assert "preprocessing of golden/0.ppm gives another input tensor" in found.problems


def test_labels_and_classes(bundle: Path) -> None:
    model = Model(bundle)
    assert model.labels == tuple(f"class {index}" for index in range(5))
    (best, *_) = model.classify(np.zeros((20, 30, 3), np.uint8), k=2)
    assert best.label == f"class {best.index}"


ODD_PATHS = (
    "",
    ".",
    "/a",
    "../a",
    "a/../b",
    "a//b",
    "a\\b",
    "./a",
    "a\0b",
    "a\nb",
    "\ud800",
    "a" * 256,
    "é" * 128,
)


@pytest.mark.parametrize("name", ODD_PATHS)
def test_paths_that_leave_the_package(name: str) -> None:
    with pytest.raises(DamagedPackage, match="is no path") as caught:
        plain_path(name)
    assert "\n" not in str(caught.value)


def open_all(folder: Path) -> tuple[str, ...]:
    """Open every file that a package names; return the pictures."""
    Bundle.open(folder).check_files()
    return Golden.of(folder).pictures


@pytest.mark.parametrize("name", ODD_PATHS)
@pytest.mark.parametrize("place", ["model", "file", "picture", "output"])
def test_a_package_that_names_odd_paths_is_refused(copy: Path, place: str, name: str) -> None:
    if place == "model":
        edit(copy, model=name)
    elif place == "file":
        edit(copy, files={name: "0" * 64})
    else:
        file = copy / "golden" / "golden.json"
        golden = json.loads(file.read_text())
        golden["pictures" if place == "picture" else "outputs"][0]["file"] = name
        file.write_text(json.dumps(golden))
    with pytest.raises(DamagedPackage):
        open_all(copy)


@pytest.mark.parametrize("field", ["schema_version", "task", "model"])
def test_long_values_of_a_manifest_make_no_long_message(copy: Path, field: str) -> None:
    with pytest.raises(DamagedPackage) as caught:
        Bundle.open(edit(copy, **{field: "x" * 100_000}))
    assert len(str(caught.value)) <= MOST_CHARACTERS


def test_a_manifest_of_before_tasks_had_settings(bundle: Path) -> None:
    data = json.loads((bundle / "manifest.json").read_text())
    del data["settings"]
    older = PackageManifest.from_json({**data, "detector": {"boxes": "ltrb"}, "newer": 1})
    assert older.settings == {"boxes": "ltrb"}
    assert PackageManifest.from_json(data).settings is None
