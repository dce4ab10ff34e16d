"""Readers beside writers: what is published is always there, whole, of one version.

Each writer is a process that replaces its output again and again: by the verb itself, and, where that takes
long, also by the functions that publish, so that many versions pass by.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import JsonValue

import edgecnn
from edgecnn.core.child import Child
from edgecnn.core.files import draft_directory, remove, write_texts
from edgecnn.core.store.digest import digest_files
from edgecnn.core.store.manifest import Artifact
from edgecnn.core.store.runs import SUMMARY, lock_beside
from edgecnn.core.store.sums import check_sums, write_sums
from edgecnn.models.build import build
from edgecnn.models.checkpoint import save_checkpoint
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract
from tests.campaigns.published import TARGET
from tests.campaigns.report import Recorder, main
from tests.campaigns.verbs_to_kill import Bench
from tests.support.tiny_run import write_artifact

NAME = "readers beside writers"
_MODULE = "tests.campaigns.test_readers"
_READER = "tests.campaigns.published"
_PROCESSES = 2
_BATCH = 2000
_FEWEST_VERSIONS = 5
_QUICK = ("publish", "baseline", "package")


def _publish(folder: Path, number: int) -> None:
    """Publish as a run does, at times as a rejected artifact."""
    made = Artifact.open(folder / "first")
    names = ("rejected", "artifacts") if number % 5 == 4 else ("artifacts", "rejected")
    with lock_beside(folder / "published"):
        directory, other = (folder / "published" / name / TARGET for name in names)
        manifest = made.manifest.model_copy(update={"name": f"version {number}"})
        Artifact.publish([made.model], manifest, directory)
        remove(other)
        with draft_directory(folder / "published" / "checkpoint") as draft:
            for name in ("model.safetensors", "spec.json"):
                (draft / name).write_text(f"version {number}")
            write_sums(draft, digest_files(draft))
    listed = [{"target": TARGET, "error": None}]
    write_texts(folder / "published", {SUMMARY: json.dumps({"version": number, "targets": listed})})


def _package(folder: Path, number: int) -> None:
    edgecnn.package(_version(folder, number), "raspberry-pi", target=TARGET, out=folder / "packages")


def _baseline(folder: Path, number: int) -> None:
    file = folder / "gate" / "tiny.yaml"
    edgecnn.accept_baseline(
        _version(folder, number), out=file, artifacts=folder / "gate" / "kept", force=True
    )


def _version(folder: Path, number: int) -> Path:
    return folder / "bench" / ("one", "two")[number % 2] / "tiny"


def _run(folder: Path, number: int) -> None:
    changes = ("targets.onnx-int8.threads=2",) if number % 2 else ()
    assert edgecnn.run(str(folder / "bench" / "tiny.yaml"), changes, out=folder / "run").exit_code == 0


def _export(folder: Path, number: int) -> None:
    checkpoint = folder / "untrained"
    if number == 0:
        arguments: dict[str, JsonValue] = {"stages": [[1, 8, 1, 1], [2, 8, 1, 2]], "head": 16}
        spec = ModelSpec(
            builder="zoo:mobilenetv2",
            contract=Contract(height=16, width=16),
            classes=("bars", "disc", "slope"),
        ).with_arguments(arguments)
        save_checkpoint(checkpoint, build(spec), spec)
    made = edgecnn.export(
        str(checkpoint),
        TARGET,
        calibration=str(folder / "bench" / "photos"),
        overrides=(f"targets.{TARGET}.threads={number % 2 + 1}",),
        out=folder / "exported",
    )
    assert made.ships, made.error


WRITERS: Mapping[str, Callable[[Path, int], None]] = {
    "publish": _publish,
    "package": _package,
    "baseline": _baseline,
    "run": _run,
    "export": _export,
}


def write_again_and_again(name: str, folder: Path) -> None:
    """Let a writer replace its output; say when both versions have been there."""
    for number in itertools.count():
        WRITERS[name](folder, number)
        write_texts(folder, {f"{name}.versions": str(number + 1)})
        if number == 1:
            sys.stdout.write("up\n")
            sys.stdout.flush()


def readers(recorder: Recorder, count: int, seed: int) -> None:
    """Read beside all writers and count what was missing or torn."""
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(Path(place) / "home"))
        _read(recorder, Path(place) / "place", tuple(WRITERS), count, seed)


def _read(recorder: Recorder, folder: Path, names: tuple[str, ...], count: int, seed: int) -> None:
    """Read from two processes until ``count`` reads are made and every writer has written some versions."""
    Bench(folder / "bench")
    write_artifact(folder / "first", TARGET)
    with _writers(names, folder) as writers, ThreadPoolExecutor(_PROCESSES) as processes:
        before = _versions(names, folder)
        for batch in itertools.count():
            options = ("--count", str(min(count, _BATCH) // _PROCESSES), "--seed")
            seeds = (seed + batch * _PROCESSES + number for number in range(_PROCESSES))
            commands = [(_READER, str(folder), *names, *options, str(each)) for each in seeds]
            for ended in [processes.submit(recorder.part, *command) for command in commands]:
                ended.result()
            assert all(writer.poll() is None for writer in writers), "a writer has failed"
            made = _versions(names, folder) - before
            if recorder.result().tried >= count and min(made[name] for name in names) >= _FEWEST_VERSIONS:
                break
    for name in names:
        recorder.count(f"versions by {name}", made[name])
    check_sums(folder / "published" / "checkpoint")


def _versions(names: tuple[str, ...], folder: Path) -> Counter[str]:
    return Counter({name: int((folder / f"{name}.versions").read_text()) for name in names})


@contextlib.contextmanager
def _writers(names: tuple[str, ...], folder: Path) -> Iterator[list[Child]]:
    """Start a process for each writer; when they end, each has written at least two versions."""
    with contextlib.ExitStack() as stack:
        children = [
            stack.enter_context(
                Child([sys.executable, "-m", _MODULE, "writer", name, str(folder)], stdout=subprocess.PIPE)
            )
            for name in names
        ]
        try:
            for name, child in zip(names, children, strict=True):
                assert child.stdout is not None
                assert child.stdout.readline() == b"up\n", f"the writer {name} has failed"
            yield children
        finally:
            for child in children:
                child.kill()


@pytest.mark.slow
def test_a_reader_never_misses_anything(tmp_path: Path) -> None:
    recorder = Recorder(NAME)
    _read(recorder, tmp_path / "place", _QUICK, 300, seed=0)
    recorder.result().check()


if __name__ == "__main__":
    if sys.argv[1:2] == ["writer"]:
        os.nice(1)
        write_again_and_again(sys.argv[2], Path(sys.argv[3]))
    main(NAME, readers, count=20_000)
