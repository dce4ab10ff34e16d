"""Readers of what verbs publish, in a process that imports nothing heavy and so reads many times a second.

``python -m tests.campaigns.published FOLDER NAME...`` reads beside the writers of ``test_readers``.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgecnn.core.store.baseline import baseline_artifact, read_baseline
from edgecnn.core.store.manifest import Artifact
from edgecnn.core.store.runs import open_artifacts, target_artifact, target_errors
from edgecnn.packaging.contents import open_package
from tests.campaigns.report import Recorder, main

TARGET = "onnx-fp32"


@dataclass(frozen=True)
class Reader:
    """A reader of what a writer publishes.

    Attributes:
        read: Reads what is below a folder; raises if something is missing or torn.
        share: Relative number of reads.
    """

    read: Callable[[Path], object]
    share: int


def _read_baseline(folder: Path) -> None:
    file = folder / "gate" / "tiny.yaml"
    found = read_baseline(file)
    for target in found.targets:
        baseline_artifact(found, file, target)


def _read_packages(folder: Path) -> None:
    for file in (folder / "packages").glob("*.*"):
        if not file.name.startswith("."):
            with tempfile.TemporaryDirectory() as scratch:
                open_package(file, Path(scratch))


def _read_published(folder: Path) -> None:
    run = folder / "published"
    assert target_artifact(run, TARGET) is not None, "the artifact is missing"
    assert target_errors(run) == {TARGET: ""}
    assert (run / "checkpoint").is_dir(), "the checkpoint is missing"


def _read_run(folder: Path) -> None:
    assert sorted(open_artifacts(folder / "run")) == ["onnx-fp32", "onnx-int8"]
    assert (folder / "run" / "checkpoint").is_dir(), "the checkpoint is missing"


READERS: Mapping[str, Reader] = {
    "publish": Reader(_read_published, 4),
    "package": Reader(_read_packages, 1),
    "baseline": Reader(_read_baseline, 4),
    "run": Reader(_read_run, 4),
    "export": Reader(lambda folder: Artifact.open(folder / "exported"), 4),
}


def reads(folder: Path, names: list[str], recorder: Recorder, count: int, seed: int) -> None:
    """Read what the named writers publish, one after the other in a random order."""
    chosen = random.Random(seed)  # noqa: S311 - chooses attempts
    shares = [READERS[name].share for name in names]
    for number, name in enumerate(chosen.choices(names, shares, k=count)):
        with recorder.attempt(f"read {number} of seed {seed}: {name}"):
            recorder.count(f"{name} read")
            READERS[name].read(folder)


if __name__ == "__main__":
    end = next(number for number, word in enumerate(sys.argv) if word.startswith("--"))
    place, *which = sys.argv[1:end]
    del sys.argv[1:end]
    main("reads", partial(reads, Path(place), which), count=1000)
