from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.data.objects import ImageObjects, Objects
from edgecnn.data.prepared import PreparedSet, PreparedWriter
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable

CONTRACT = Contract(height=4, width=6)
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 4, 6, 3), dtype=np.uint8)
LABELS = np.arange(12, dtype=np.int64) % 3
NAMES = tuple(f"{index}.jpg" for index in range(12))


def write(
    directory: Path,
    images: np.ndarray = IMAGES,
    labels: np.ndarray = LABELS,
    classes: tuple[str, ...] = ("a", "b", "c"),
    contract: Contract = CONTRACT,
    objects: Objects | None = None,
) -> PreparedSet:
    return PreparedSet.write(
        directory,
        images,
        labels,
        classes=classes,
        names=NAMES[: len(labels)],
        contract=contract,
        objects=objects,
    )


def test_reads_what_was_written(tmp_path: Path) -> None:
    write(tmp_path / "set")
    prepared = PreparedSet.open(tmp_path / "set")
    np.testing.assert_array_equal(prepared.images, IMAGES)
    np.testing.assert_array_equal(prepared.labels, LABELS)
    assert (prepared.classes, prepared.names, prepared.contract) == (("a", "b", "c"), NAMES, CONTRACT)
    assert isinstance(prepared.images, np.memmap)
    assert not prepared.images.flags.writeable


def test_block_by_block_is_the_same(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole")
    with PreparedWriter(tmp_path / "blocks", CONTRACT, ("a", "b", "c")) as writer:
        for start in range(0, 12, 5):
            block = slice(start, start + 5)
            writer.append(IMAGES[block], LABELS[block], NAMES[block])
        blocks = writer.finish({})
    for name in ("images.npy", "labels.npy", "prepared.json"):
        assert (blocks.directory / name).read_bytes() == (whole.directory / name).read_bytes(), name


def test_an_unfinished_set_cannot_be_opened(tmp_path: Path) -> None:
    write(tmp_path)
    with PreparedWriter(tmp_path, CONTRACT, ()) as writer:
        writer.append(IMAGES, LABELS, NAMES)
    with pytest.raises(InputError, match=r"is not a prepared set: it holds no prepared\.json"):
        PreparedSet.open(tmp_path)


def test_digest_follows_everything_that_matters(tmp_path: Path) -> None:
    original = write(tmp_path / "0").digest
    assert write(tmp_path / "elsewhere").digest == original
    changed = IMAGES.copy()
    changed[-1, -1, -1, -1] ^= 1
    others = [
        write(tmp_path / "1", images=changed),
        write(tmp_path / "2", labels=LABELS[::-1]),
        write(tmp_path / "3", classes=("a", "b", "d")),
        write(tmp_path / "4", contract=Contract(height=4, width=6, mean=(0.0, 0.0, 0.0))),
        write(tmp_path / "5", images=IMAGES[:11], labels=LABELS[:11]),
    ]
    assert len({original, *(other.digest for other in others)}) == 6


def test_the_digest_never_changes(tmp_path: Path) -> None:
    """Digests are in manifests: another value for the same content is an incompatible change."""
    pixels = (np.arange(12 * 4 * 6 * 3) % 251).astype(np.uint8).reshape(IMAGES.shape)
    assert write(tmp_path, images=pixels).digest[:16] == "1bd4ec092818ef61"


def test_select(tmp_path: Path) -> None:
    chosen = write(tmp_path / "all").select(np.array([7, 2]), tmp_path / "some")
    np.testing.assert_array_equal(chosen.images, IMAGES[[7, 2]])
    assert chosen.names == ("7.jpg", "2.jpg")
    assert chosen.labels.tolist() == [1, 2]


def edit(directory: Path, **changes: object) -> None:
    file = directory / "prepared.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "prepared.json").write_text("{"), "not a prepared set"),
        (lambda folder: (folder / "prepared.json").write_text("[]"), "not a prepared set"),
        (lambda folder: (folder / "prepared.json").write_text("{}"), "not a prepared set"),
        (lambda folder: edit(folder, schema=99), "schema 99; this version reads 1"),
        (lambda folder: edit(folder, contract={"height": 4}), "not a prepared set"),
        (
            lambda folder: edit(folder, contract={**CONTRACT.to_json(), "x": 1}),
            "contract: unknown key 'x'",
        ),
        (lambda folder: edit(folder, names=["one"]), r"images\.npy is uint8 \[12, 4, 6, 3\], not"),
        (
            lambda folder: edit(folder, contract=Contract(height=6, width=4).to_json()),
            r"not uint8 \[12, 6, 4",
        ),
        (lambda folder: (folder / "labels.npy").unlink(), "No such file"),
        (lambda folder: np.save(folder / "labels.npy", np.zeros(12)), r"labels\.npy is float64"),
        (lambda folder: np.save(folder / "images.npy", IMAGES.astype(np.float32)), r"images\.npy is float32"),
        (lambda folder: (folder / "images.npy").write_bytes(b""), "is not a whole array"),
        (lambda folder: (folder / "images.npy").write_bytes(b"\x93NUMPY\x01\0"), "is not a whole array"),
        (
            lambda folder: (folder / "images.npy").write_bytes((folder / "images.npy").read_bytes()[:-9]),
            "is not a whole array",
        ),
        (
            lambda folder: np.save(folder / "labels.npy", np.array([{}] * 12, object), allow_pickle=True),
            "is not a whole array",
        ),
    ],
)
def test_damaged_sets_are_refused(tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    write(tmp_path)
    damage(tmp_path)
    with pytest.raises(InputError, match=message):
        PreparedSet.open(tmp_path)


def write_archive(path: Path, **arrays: Any) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "is not a whole file of arrays"),
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), "is not a whole file of arrays"),
        (lambda path: write_archive(path, sizes=np.zeros((12, 2))), "does not hold the boxes of images"),
        (lambda path: np.savez_compressed(path, sizes=np.zeros(1 << 20)), "it is compressed, or too long"),
        (
            lambda path: write_archive(path, **{**np.load(path), "sizes": np.zeros(12, int)}),
            "holds arrays of different lengths",
        ),
        (lambda path: path.unlink(), "No such file"),
    ],
)
def test_damaged_boxes_are_refused(tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    none = np.empty(0)
    image = ImageObjects((4, 4), none.reshape(0, 4).astype(np.float32), none.astype(int), none.astype(bool))
    write(tmp_path, objects=Objects((image,) * 12))
    damage(tmp_path / "objects.npz")
    with pytest.raises(InputError, match=message):
        PreparedSet.open(tmp_path)
