"""Stage ``prepare``: images of a folder become one set, as the contract of the network says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.data.prepared import PreparedSet
from edgecnn.data.source import open_source
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.preprocess import geometry, open_image
from edgecnn.pipeline.stages.prepare import PREPARE, PrepareParameters, read_contract
from edgecnn.pipeline.stages.unchanged import digest_of_images
from tests.support.stages import context

CONTRACT = Contract(height=24, width=40, resize="letterbox", color="bgr")


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """The outputs of the step that wrote the contract."""
    folder = tmp_path / "contract"
    folder.mkdir()
    (folder / "contract.json").write_text(json.dumps(CONTRACT.to_json()))
    return folder


def parameters(folder: Path, *, bad_images: str = "error", limit: int | None = None) -> PrepareParameters:
    content = digest_of_images(open_source(str(folder), cache_dir=folder))
    return PrepareParameters(str(folder), content, bad_images, limit)


def test_every_image_has_the_contracts_geometry(picture_folder: Path, contract: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    places = context(tmp_path / "stage")
    places.progress = lambda done, total, text: told.append((done, total, text))
    PREPARE.run({"contract": contract}, parameters(picture_folder), places)
    made = PreparedSet.open(places.out)
    assert (len(made), made.classes, made.contract) == (12, ("bars", "disc", "slope"), CONTRACT)
    for image, name in zip(made.images, made.names, strict=True):
        np.testing.assert_array_equal(image, geometry(open_image(picture_folder / name), CONTRACT))
    assert told[-1] == (12, 12, "images")


def test_a_limit_takes_evenly_from_the_classes(picture_folder: Path, contract: Path, tmp_path: Path) -> None:
    places = context(tmp_path / "stage")
    PREPARE.run({"contract": contract}, parameters(picture_folder, limit=6), places)
    assert np.bincount(PreparedSet.open(places.out).labels).tolist() == [2, 2, 2]


def test_a_corrupt_image_ends_the_stage_or_is_left_out(
    picture_folder: Path, contract: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(picture_folder, tmp_path / "copy")
    (folder / "disc" / "1.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"disc/1\.jpg cannot be used"):
        PREPARE.run({"contract": contract}, parameters(folder), context(tmp_path / "refused"))
    places = context(tmp_path / "skipped")
    PREPARE.run({"contract": contract}, parameters(folder, bad_images="skip"), places)
    made = PreparedSet.open(places.out)
    assert (len(made), list(made.skipped)) == (11, ["disc/1.jpg"])


def test_a_step_without_a_contract_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"contract\.json"):
        read_contract(tmp_path)


def changed_photo(folder: Path) -> None:
    (folder / "bars" / "0.jpg").write_bytes((folder / "disc" / "1.jpg").read_bytes())


def removed_photo(folder: Path) -> None:
    (folder / "bars" / "0.jpg").unlink()


def added_photo(folder: Path) -> None:
    shutil.copy(folder / "bars" / "0.jpg", folder / "bars" / "9.jpg")


def other_label(folder: Path) -> None:
    lines = (folder / "list.csv").read_text(encoding="utf-8").replace(",0", ",1")
    (folder / "list.csv").write_text(lines, encoding="utf-8")


@pytest.mark.parametrize("change", [changed_photo, removed_photo, added_photo, other_label])
def test_a_dataset_that_changes_between_plan_and_step_is_refused(
    change: Callable[[Path], None], picture_folder: Path, contract: Path, tmp_path: Path
) -> None:
    dataset = shutil.copytree(picture_folder, tmp_path / "copy")
    if change is other_label:
        lines = (f"{path.relative_to(dataset)},0\n" for path in sorted(dataset.rglob("*.jpg")))
        (dataset / "list.csv").write_text("path,label\n" + "".join(lines), encoding="utf-8")
        dataset /= "list.csv"
    planned = parameters(dataset)
    change(tmp_path / "copy")
    with pytest.raises(InputError, match=rf"{dataset.name} has changed since this run began"):
        PREPARE.run({"contract": contract}, planned, context(tmp_path / "stage"))


@pytest.mark.parametrize("change", [changed_photo, removed_photo])
def test_a_photo_that_changes_while_the_step_decodes_is_noticed(
    change: Callable[[Path], None], picture_folder: Path, contract: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(picture_folder, tmp_path / "copy")
    planned, places = parameters(folder), context(tmp_path / "stage")
    changed: list[int] = []

    def progress(done: int, total: int, text: str) -> None:
        if not changed:
            change(folder)
            changed.append(done)

    places.progress = progress
    with pytest.raises(InputError, match="copy has changed since this run began"):
        PREPARE.run({"contract": contract}, planned, places)


def test_photos_with_new_times_but_the_same_bytes_are_taken(
    picture_folder: Path, contract: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(picture_folder, tmp_path / "copy")
    planned = parameters(folder)
    for photo in folder.rglob("*.jpg"):
        photo.write_bytes(photo.read_bytes())
    places = context(tmp_path / "stage")
    PREPARE.run({"contract": contract}, planned, places)
    assert len(PreparedSet.open(places.out)) == 12
