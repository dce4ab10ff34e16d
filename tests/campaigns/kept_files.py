"""Everything that edgecnn keeps on a disk, small and made in a moment, with what reads and judges it."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import edgecnn
from edgecnn.core.documents.run import RunSummary
from edgecnn.core.errors import MissingDependency
from edgecnn.core.store import entry as entry_module
from edgecnn.core.store.baseline import baseline_artifact, read_baseline
from edgecnn.core.store.digest import digest_files
from edgecnn.core.store.manifest import Artifact
from edgecnn.core.store.runs import read_summary, summary_text
from edgecnn.core.store.store import Store
from edgecnn.core.store.sums import check_sums, write_sums
from edgecnn.core.toolchains.install import install
from edgecnn.packaging.contents import open_package
from tests.campaigns.small_store import LARGE, STEPS, content, is_right, key_of, make
from tests.support.tiny_run import write_artifact, write_run

_GOLDEN = Path(__file__).parents[1] / "core" / "documents" / "golden"
_OLD_ENOUGH_S = 2.1  # younger files are not remembered
_STORED = (*range(STEPS), LARGE)


class MadeAgain(Exception):
    """A step that was damaged was not there, and has been made again."""


@dataclass(frozen=True)
class Kept:
    """Something that is kept in files.

    Attributes:
        name: What it is.
        files: Its files.
        read: Reads it as a new process would and returns what it says; raises an error of ours, or
            :class:`MadeAgain`, if a file is damaged.
    """

    name: str
    files: list[Path]
    read: Callable[[], object]


def everything(folder: Path, *, platforms: tuple[str, ...], signed: bool) -> Iterator[Kept]:
    """Make everything below a folder.

    Args:
        folder: An empty folder.
        platforms: Platforms to package for.
        signed: Whether a package is signed too, where the toolchain can be installed.
    """
    yield from _store(Store(folder / "store"))
    run = write_run(folder / "run")
    artifact = run / "artifacts" / "onnx-fp32"
    yield Kept("artifact", _files(artifact), lambda: Artifact.open(artifact).manifest)
    yield _summary(folder / "summary")
    yield _checkpoint(folder / "checkpoint")
    yield _baseline(run, folder / "gate")
    for platform in platforms:
        made = edgecnn.package(run, platform, target="tflite-int8", out=folder / "packages")
        for file in made.files:
            yield Kept(f"{platform} package", [file.path], partial(_contents, file.path))
    if signed:
        yield from _signed(folder / "signed")


def _store(store: Store) -> Iterator[Kept]:
    for number in _STORED:
        make(store, number)
    time.sleep(_OLD_ENOUGH_S)

    def read() -> str:
        entry_module._read.clear()
        damaged = [step for step in _STORED if store.get(key_of(step)) is None]
        assert all(is_right(make(store, step), step) for step in _STORED), "a damaged step was believed"
        if damaged:
            raise MadeAgain
        return "right"

    read()
    yield Kept("store", _files(store.root / "stages"), read)
    yield Kept("remembered digests", [store.root / "digests.sqlite"], read)


def _summary(folder: Path) -> Kept:
    folder.mkdir()
    file = folder / "summary.json"
    golden = json.loads((_GOLDEN / "summary-run.json").read_text(encoding="utf-8"))
    file.write_text(summary_text(RunSummary.from_json(golden)), encoding="utf-8")
    return Kept("summary", [file], lambda: read_summary(file))


def _checkpoint(folder: Path) -> Kept:
    folder.mkdir()
    for name, data in content(99).items():
        (folder / Path(name).name).write_bytes(data)
    write_sums(folder, digest_files(folder))
    return Kept("checkpoint", _files(folder), lambda: check_sums(folder))


def _baseline(run: Path, folder: Path) -> Kept:
    file = folder / "tiny.yaml"
    edgecnn.accept_baseline(run, out=file, artifacts=folder / "kept")

    def read() -> object:
        found = read_baseline(file)
        return found, [baseline_artifact(found, file, target).manifest for target in found.targets]

    return Kept("baseline", _files(folder), read)


def _contents(package: Path) -> object:
    """Return the files of a package that is not signed; damage that changes none of them has no effect."""
    with tempfile.TemporaryDirectory() as scratch:
        found = open_package(package, Path(scratch))
        return found.manifest, dict(found.members)


def _signed(folder: Path) -> Iterator[Kept]:
    try:
        install("model-signing")
    except MissingDependency:
        return
    folder.mkdir()
    key, public = folder / "key.pem", folder / "key.pub"
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key))
    _openssl("ec", "-in", str(key), "-pubout", "-out", str(public))
    artifact = write_artifact(folder / "artifact", "tflite-int8").directory
    made = edgecnn.package(artifact, "raspberry-pi", out=folder / "packages", key=key)
    wheel = made.files[0].path
    yield Kept(
        "signed package",
        [wheel, wheel.with_name(f"{wheel.name}.sig")],
        lambda: (edgecnn.verify(wheel, key=public, self_test=False), _contents(wheel)),
    )


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]
