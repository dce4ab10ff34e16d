r"""Check that a network still becomes the same bytes: the sha256 of every model file that is exported.

    edgecnn fetch zoo:mobilenetv2 zoo:efficientnet-lite0
    python benchmarks/export_bytes.py --calibration calibration.csv --data eval.csv --json before.json \
        --detector yolox_nano.onnx --detector-calibration calibration.json --detector-data eval.json \
        --checkpoint runs/quickstart/checkpoint
    python benchmarks/export_bytes.py ... --check before.json

Everything is made anew, in a store of its own, because a key of the store does not say which code made what
lies under it; nothing is timed. The quickstart is trained first where no checkpoint of it is given. Comparing
two versions of the code needs one checkpoint for both, the same packages and the same kind of processor,
whose arithmetic decides the last bits of ranges. `metric` is top-1 of a classifier and AP50:95 of a detector.

Claims that this script is for: the same checkpoint, images and packages give the same files, byte for byte,
in another directory and after a change of the code that is meant to change nothing: the quickstart's seven
targets, two pretrained networks in three int8 formats by two rungs each, and a detector from an ONNX file in
three int8 formats by the rung that an export takes by itself.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export import empty_home
from output import print_table, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

QUICKSTART, NETWORKS, DETECTOR = PARTS = ("quickstart", "networks", "detector")
MODELS = ("zoo:mobilenetv2", "zoo:efficientnet-lite0")
RUNGS = ("plain", "equalize")
INT8 = ("onnx-int8", "tflite-int8", "openvino-int8")
# The network as the checkpoint has it, in place of the one that the pipeline would build and train.
_TRAINED = ("model.arguments={}", "preprocessing={}", "train=null")
_PACKAGES = (
    *("torch", "torchvision", "onnx", "onnxscript", "onnxruntime"),
    *("litert-torch", "ai-edge-litert", "ai-edge-quantizer", "openvino", "nncf"),
)
_COLUMNS = ("name", "file", "sha256", "precision", "rungs", "fp32 %", "metric %", "agreement %")


@dataclass(frozen=True)
class Command:
    """The command line of the version of edgecnn that is measured.

    Attributes:
        module: What ``python -m`` runs.
        home: Its ``EDGECNN_HOME``.
        folder: Working directory, without pipelines, targets or code of its own.
    """

    module: str
    home: Path
    folder: Path

    def __call__(self, *words: str) -> dict[str, Any]:
        """Run a verb in a process of its own and return its JSON document; progress goes to the terminal."""
        finished = subprocess.run(
            [sys.executable, "-m", self.module, *words, "--json"],
            env={**os.environ, "EDGECNN_HOME": str(self.home)},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if not finished.stdout:
            raise SystemExit(f"{' '.join(words)}: exit code {finished.returncode}")
        document: dict[str, Any] = json.loads(finished.stdout)
        return document


def main() -> None:
    """Export everything, print the digests, write the JSON, compare with an earlier one."""
    arguments = parse()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="edgecnn-bytes-") as name:
        folder = Path(name)
        home = empty_home(folder) if arguments.home is None else arguments.home.resolve()
        command = Command(arguments.module, home, folder)
        rows = list(export_all(command, arguments))
    print_table([line for row in rows for line in lines(row)], columns=_COLUMNS)
    print(f"made by {package()} with {arguments.module}")
    document = {"packages": packages(), "seconds": round(time.monotonic() - started), "rows": rows}
    write_json(document, arguments.json)
    if arguments.check is not None:
        check(arguments.check, document)


def parse() -> argparse.Namespace:
    """Return the arguments; files and folders among them are absolute."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", choices=PARTS, help="what is exported; all by default")
    parser.add_argument("--checkpoint", type=Path, help="the quickstart's, instead of training it")
    parser.add_argument("--calibration", type=Path, help="CSV or folder of calibration photos")
    parser.add_argument("--data", type=Path, help="CSV or folder of labelled evaluation photos")
    parser.add_argument("--detector", type=Path, help="ONNX file of a detector")
    parser.add_argument("--detector-calibration", type=Path, help="COCO file to calibrate it on")
    parser.add_argument("--detector-data", type=Path, help="COCO file to evaluate it on")
    parser.add_argument("--module", default=entry_point(), help="what runs the command line; %(default)s")
    parser.add_argument(
        "--home", type=Path, help="a home to keep, whose store is reused: to go on where a run stopped"
    )
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--check", type=Path, help="exit 1 where a digest is not that of this earlier file")
    arguments = parser.parse_args()
    arguments.part = [part for part in PARTS if part in (arguments.part or PARTS)]
    needed = {
        NETWORKS: ("calibration", "data"),
        DETECTOR: ("detector", "detector_calibration", "detector_data"),
    }
    for part in arguments.part:
        for name in needed.get(part, ()):
            if getattr(arguments, name) is None:
                parser.error(f"{part} needs --{name.replace('_', '-')}")
    for name in ("checkpoint", *needed[NETWORKS], *needed[DETECTOR]):
        if getattr(arguments, name) is not None:
            setattr(arguments, name, getattr(arguments, name).resolve())
    return arguments


def package() -> Path:
    """Return the folder of the package that is measured."""
    found = importlib.util.find_spec("edgecnn")
    if found is None or found.origin is None:
        raise SystemExit("edgecnn is not installed")
    return Path(found.origin).parent


def entry_point() -> str:
    """Return the module of the command `edgecnn`: as its source tree says, else as it was installed."""
    project = package().parent / "pyproject.toml"
    if project.is_file():
        command = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["scripts"]["edgecnn"]
    else:
        (installed,) = importlib.metadata.entry_points(group="console_scripts", name="edgecnn")
        command = installed.value
    return str(command).partition(":")[0]


def packages() -> dict[str, str]:
    """Return the versions of the packages whose bytes these are."""
    return {name: importlib.metadata.version(name) for name in _PACKAGES}


def export_all(command: Command, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Make the parts that are wanted, the quickest first."""
    if QUICKSTART in arguments.part:
        yield from quickstart(command, arguments.checkpoint)
    if NETWORKS in arguments.part:
        for model in MODELS:
            for target in INT8:
                for rung in RUNGS:
                    name = f"{NETWORKS}/{model.removeprefix('zoo:')}/{rung}/{target}"
                    pinned = ("--set", f"targets.{target}.quantize.method={rung}")
                    images = ("--calibration", str(arguments.calibration), "--data", str(arguments.data))
                    yield export(command, name, model, target, *images, *pinned)
    if DETECTOR in arguments.part:
        images = (
            *("--calibration", str(arguments.detector_calibration)),
            *("--data", str(arguments.detector_data)),
        )
        for target in INT8:
            name = f"{DETECTOR}/{arguments.detector.stem}/{target}"
            yield export(command, name, str(arguments.detector), target, *images)


def quickstart(command: Command, checkpoint: Path | None) -> list[dict[str, Any]]:
    """Run the built-in pipeline on a checkpoint of its network, or train one; nothing is timed."""
    out = command.folder / QUICKSTART
    changes = () if checkpoint is None else (f"model.name={checkpoint}", *_TRAINED)
    document = command("run", QUICKSTART, *changes, "benchmark=null", "--out", str(out))
    if "targets" not in document:
        raise SystemExit(f"{QUICKSTART}: {document}")
    network = {
        "name": f"{QUICKSTART}/checkpoint",
        "files": digests((checkpoint or out / "checkpoint").iterdir()),
    }
    return [network, *(row(f"{QUICKSTART}/{target['target']}", target) for target in document["targets"])]


def export(command: Command, name: str, model: str, target: str, *options: str) -> dict[str, Any]:
    """Export a network for a target as a user would; nothing is timed."""
    out = command.folder / name
    options = (*options, "--set", "benchmark=null", "--out", str(out))
    return row(name, command("export", model, "--target", target, *options))


def row(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """Return what one file came to, from the command line's result for a target."""
    if result.get("artifact") is None:
        raise SystemExit(f"{name}: {result}")
    metrics = result["metrics"]
    return {
        "name": name,
        "ships": result["ships"],
        "precision": result["precision"],
        "rungs": ", ".join(attempt["rung"] for attempt in result["ladder"]),
        "fp32 %": percent(metrics.get("fp32")),
        "metric %": percent(metrics.get("value")),
        "agreement %": percent(metrics.get("agreement")),
        "files": digests(Path(result["artifact"]).glob("model.*")),
    }


def percent(share: float | None) -> float | None:
    """Return a share in percent; None where it was not measured."""
    return None if share is None else round(100 * share, 3)


def digests(files: Iterable[Path]) -> dict[str, str]:
    """Return the sha256 of files by name."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def lines(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row of the table for every file of a row."""
    return [{**row, "file": file, "sha256": digest} for file, digest in row["files"].items()]


def check(file: Path, document: dict[str, Any]) -> None:
    """Compare with an earlier file's digests; exit with 1 where one differs."""
    before = json.loads(file.read_text(encoding="utf-8"))
    found = differences(before["rows"], document["rows"])
    for name, version in document["packages"].items():
        if before["packages"][name] != version:
            print(f"{name} was {before['packages'][name]} and is {version}")
    print("\n".join(found) or f"the same bytes as in {file}")
    sys.exit(1 if found else 0)


def differences(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for every file whose bytes changed, or that only one side has, of the parts made now."""
    parts = {part_of(row) for row in now}
    old = by_file(row for row in before if part_of(row) in parts)
    new = by_file(now)
    return [
        f"{name} {file}: {old.get((name, file), 'absent')} before, {new.get((name, file), 'absent')} now"
        for name, file in sorted({**old, **new})
        if old.get((name, file)) != new.get((name, file))
    ]


def by_file(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """Return the digests of rows by name of the row and of the file."""
    return {(row["name"], file): digest for row in rows for file, digest in row["files"].items()}


def part_of(row: dict[str, Any]) -> str:
    """Return the part that a row belongs to."""
    return str(row["name"]).partition("/")[0]


if __name__ == "__main__":
    main()
