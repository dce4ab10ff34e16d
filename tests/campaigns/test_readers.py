"""Readers beside a writer: artifact, summary and checkpoint are always there, whole, of one version."""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path

import pytest

from edgecnn.core.child import Child
from edgecnn.core.files import draft_directory, remove, write_texts
from edgecnn.core.json_file import read_json
from edgecnn.core.store.digest import digest_files
from edgecnn.core.store.manifest import Artifact
from edgecnn.core.store.runs import SUMMARY, lock_beside, target_artifact, target_errors
from edgecnn.core.store.sums import write_sums
from tests.campaigns.report import Recorder, main
from tests.support.tiny_run import write_artifact

NAME = "readers beside writers"
_MODULE = "tests.campaigns.test_readers"
TARGET = "onnx-fp32"


def write_again_and_again(folder: Path) -> None:
    """Publish as a run does, one version after the other, at times as a rejected artifact."""
    made = Artifact.open(folder / "first")
    number = 0
    while True:
        number += 1
        with lock_beside(folder / "run"):
            directory, other = (folder / "run" / name / TARGET for name in _order(number))
            manifest = made.manifest.model_copy(update={"name": f"version {number}"})
            Artifact.publish([made.model], manifest, directory)
            remove(other)
            with draft_directory(folder / "run" / "checkpoint") as draft:
                for name in ("model.safetensors", "spec.json"):
                    (draft / name).write_text(f"version {number}")
                write_sums(draft, digest_files(draft))
        listed = [{"target": TARGET, "error": None}]
        write_texts(folder / "run", {SUMMARY: json.dumps({"version": number, "targets": listed})})


def _order(number: int) -> tuple[str, str]:
    return ("rejected", "artifacts") if number % 5 == 4 else ("artifacts", "rejected")


def readers(recorder: Recorder, count: int, seed: int) -> None:
    """Read beside a writer and count what was missing or torn."""
    chosen = random.Random(seed)  # noqa: S311 - chooses attempts
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_artifact(folder / "first", TARGET)
        with Child([sys.executable, "-m", _MODULE, "writer", str(folder)]) as writer:
            _wait_for(folder / "run" / SUMMARY)
            for number in range(count):
                kind = chosen.choice(("artifact", "summary", "checkpoint"))
                with recorder.attempt(f"read {number} of seed {seed}: {kind}"):
                    recorder.count(f"{kind} read")
                    _read(kind, folder / "run")
            writer.kill()
        recorder.count("versions written", read_json(folder / "run" / SUMMARY)["version"])


def _read(kind: str, run: Path) -> None:
    if kind == "artifact":
        found = target_artifact(run, TARGET)
        assert found is not None, "the artifact is missing"
    elif kind == "summary":
        assert target_errors(run) == {TARGET: ""}
    else:
        assert (run / "checkpoint").is_dir(), "the checkpoint is missing"


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not file.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.slow
def test_a_reader_never_misses_anything() -> None:
    recorder = Recorder(NAME)
    readers(recorder, 1000, seed=0)
    recorder.result().check()


if __name__ == "__main__":
    if sys.argv[1:2] == ["writer"]:
        write_again_and_again(Path(sys.argv[2]))
    main(NAME, readers, count=20_000)
