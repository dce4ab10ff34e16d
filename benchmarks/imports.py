r"""What comes in of the models that people have: detectors, published and small ones, operators, first words.

    PYTHONPATH=. python benchmarks/imports.py families --json benchmarks/results/imports.json
    PYTHONPATH=. python benchmarks/imports.py families --family yolov8 --target onnx-int8
    PYTHONPATH=. python benchmarks/imports.py published --models MODELS --photos COCO
    PYTHONPATH=. python benchmarks/imports.py operators speed --check

``families`` writes the small detectors of ``tests/support/detectors``, whose weights are random, reads each
as a user's file, compares the decode of its raw maps with the formulas of the family, and exports it for
three int8 targets; SQNR is that of the worst map in the shipping runtime. ``published`` takes a folder with
nanodet_m.onnx and yunet_n_320.onnx and one of photos with ``calibration.json`` and ``eval.json``. ``speed``
exports a file of three million parameters and notes when it says what. A row of what does not work says why;
rows of families that this run did not make stay in the JSON file.

Claims that this script is for, by which ``--check`` ends with exit code 1: every family is recognized,
decoded to 1e-4 and at least 20 dB in three runtimes; NanoDet's AP at most 1.0 point below its float; YuNet's
boxes and landmarks within 2 % of a face's size and its recall within 2 points of float32's own faces; at
least 100 operators; link 0's verdict within 10 seconds and quantization begun within 15.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from export import empty_home
from faces import faces_row
from output import print_table, write_json
from PIL import Image
from torch import nn

import edgecnn
from edgecnn.core.errors import EdgecnnError
from edgecnn.devices.host import host
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.imported.operators import OPERATORS
from tests.support.detectors.comparing import decode_error
from tests.support.detectors.exporting import export
from tests.support.detectors.network import block, pictures
from tests.support.detectors.registry import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.documents.manifest import Manifest
    from tests.support.detectors.family import Family

TARGETS = ("onnx-int8", "openvino-int8", "tflite-int8")
SECTIONS = ("families", "published", "operators", "speed")
DECODE, DECIBELS, AP_POINTS, LEAST_OPERATORS = 1e-4, 20.0, 1.0, 100
SECONDS = {"link 0": 10.0, "quantize": 15.0}
_KEYS = ("family", "file", "target", "count", "word")
_LONGEST = 140
_PHOTOS = 32
_PARAMETERS = 3_000_000


def main() -> None:
    """Measure the sections that are named, print them, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="+", choices=SECTIONS)
    parser.add_argument("--family", nargs="+", choices=tuple(FAMILIES), default=tuple(FAMILIES))
    parser.add_argument("--target", nargs="*", choices=TARGETS, default=TARGETS, help="none: no export")
    parser.add_argument("--models", type=Path, help="for published: folder of the two files")
    parser.add_argument("--photos", type=Path, help="for published: calibration.json and eval.json")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--check", action="store_true", help="exit code 1 where a claim does not hold")
    arguments = parser.parse_args()
    if "published" in arguments.sections and not (arguments.models and arguments.photos):
        parser.error("published needs --models and --photos")
    missed = False
    with tempfile.TemporaryDirectory(prefix="edgecnn-imports-") as name:
        os.environ["EDGECNN_HOME"] = str(empty_home(Path(name)))
        for section in arguments.sections:
            rows = measure(section, Path(name), arguments)
            columns = tuple(dict.fromkeys(key for row in rows for key in row))
            print_table(rows, section, columns)
            write_section(section, rows, arguments.json)
            missed |= not all(row["holds"] for row in rows)
    raise SystemExit(int(missed and arguments.check))


def measure(section: str, folder: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the rows of a section."""
    if section == "families":
        photos = write_photos(folder / "photos")
        return [family_row(FAMILIES[name], folder, photos, arguments.target) for name in arguments.family]
    if section == "published":
        files = (arguments.models / name for name in ("nanodet_m.onnx", "yunet_n_320.onnx"))
        return [
            published_row(file, folder, arguments.photos, target)
            for file in files
            for target in arguments.target
        ]
    if section == "operators":
        found = sum(onnx.defs.has(name) for name in OPERATORS)
        return [{"count": "operators", "found": found, "holds": found >= LEAST_OPERATORS}]
    return speed_rows(folder)


def write_photos(folder: Path) -> Path:
    """Write photos of the families' own size, for calibration and verification."""
    folder.mkdir()
    for place, picture in enumerate(pictures(_PHOTOS, (96, 160), seed=9)):
        pixels = (picture.transpose(1, 2, 0) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{place:02}.png")
    return folder


def family_row(family: Family, folder: Path, photos: Path, targets: Sequence[str]) -> dict[str, Any]:
    """Return what becomes of a family's file: recognized, its decode, its SQNR for every target."""
    file = export(family, folder / "detector.onnx")
    row: dict[str, Any] = {"family": family.name, "recognized": False, "decode error": None}
    row |= dict.fromkeys(targets)
    try:
        found = import_onnx(file)
        if found.task.kind != "detection":
            return {**row, "note": f"it is read for {found.task.kind}", "holds": False}
        row |= {"recognized": True, "decode error": decode_error(family, found)}
    except EdgecnnError as error:
        return {**row, "note": short(error, file), "holds": False}
    notes = []
    for target in targets:
        manifest, note = exported(file, target, photos, folder / "artifact")
        links = {link.name: link.metrics for link in manifest.verification} if manifest else {}
        if "kernels" in links:
            row[target] = round(float(links["kernels"]["shipping_sqnr_db"]), 1)
        notes += [f"{target}: {note}"] * bool(note)
    enough = all(row[target] is not None and row[target] >= DECIBELS for target in targets)
    return {**row, "note": "; ".join(notes), "holds": enough and row["decode error"] < DECODE}


def exported(
    file: Path, target: str, calibration: Path, out: Path, data: Path | None = None
) -> tuple[Manifest | None, str]:
    """Export without timing; return the manifest and the reason why the file does not ship."""
    with tempfile.TemporaryDirectory(dir=out.parent) as name:
        try:
            result = edgecnn.export(
                str(file),
                target,
                calibration=str(calibration),
                data=str(data) if data else None,
                overrides=("benchmark=null",),
                out=Path(name) / "artifact",
            )
        except EdgecnnError as error:
            return None, short(error, file)
        return result.manifest, short(result.error, file) if result.error else ""


def short(error: EdgecnnError, file: Path) -> str:
    """Return the beginning of a message, without the path of a file."""
    return textwrap.shorten(str(error).removeprefix(f"{file}: ").replace(str(file), "it"), _LONGEST)


def published_row(file: Path, folder: Path, photos: Path, target: str) -> dict[str, Any]:
    """Return what a published detector's int8 is worth: average precision, or faces beside float32's."""
    row: dict[str, Any] = {"file": file.name, "target": target, "recognized": False, "holds": False}
    try:
        row["recognized"] = import_onnx(file).task.kind != "classification"
    except EdgecnnError as error:
        row["note"] = short(error, file)
    if file.name.startswith("yunet"):
        try:
            found = faces_row(file, folder, photos, target)
        except EdgecnnError as error:
            return {**row, "note": short(error, file)}
        return {**row, **found, "holds": bool(row["recognized"] and found["holds"])}
    if not row["recognized"]:
        return row
    manifest, note = exported(
        file, target, photos / "calibration.json", folder / "artifact", photos / "eval.json"
    )
    if manifest is None or manifest.metrics is None:
        return {**row, "note": note}
    metrics = manifest.metrics
    drop = round(100 * metrics.drop, 2)
    figures = {"AP50:95": round(100 * metrics.value, 2), "fp32": round(100 * metrics.fp32, 2), "drop": drop}
    return {**row, **figures, "images": metrics.n, "note": note, "holds": drop <= AP_POINTS}


def large_file(folder: Path) -> Path:
    """Write a classifier of three million parameters."""
    width = 224
    blocks = [block(3, 32, 3, 2), block(32, 64, 3, 2), block(64, width, 3, 2)]
    blocks += [block(width, width, 3, 1) for _ in range(_PARAMETERS // (9 * width * width))]
    net = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 100)).eval()
    torch.onnx.export(
        net, (torch.zeros(1, 3, 96, 160),), folder / "large.onnx", dynamo=False, opset_version=17
    )
    return folder / "large.onnx"


def speed_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the seconds from the start of an export to its first line, link 0's verdict, and int8."""
    photos = folder / "photos"
    file = large_file(folder)
    command = [sys.executable, "-m", "edgecnn", "export", str(file), "--target", "onnx-int8", "--set"]
    command += ["benchmark=null", "--calibration", str(photos if photos.is_dir() else write_photos(photos))]
    seconds: dict[str, float] = {}
    with (folder / "log").open("wb") as log:
        started = time.monotonic()
        with subprocess.Popen(
            [*command, "--out", str(folder / "large")], stdout=log, stderr=subprocess.STDOUT, cwd=folder
        ) as process:
            while process.poll() is None and "quantize" not in seconds:
                said = (folder / "log").read_text(errors="replace")
                marks = {"first word": bool(said.strip()), "link 0": "imported done" in said}
                marks["quantize"] = "quantize:onnx-int8" in said
                for word in (word for word, found in marks.items() if found and word not in seconds):
                    seconds[word] = round(time.monotonic() - started, 1)
                time.sleep(0.05)
            process.terminate()
    return [
        {
            "word": word,
            "seconds": seconds.get(word),
            "goal": SECONDS.get(word),
            "holds": word in seconds and seconds[word] <= SECONDS.get(word, np.inf),
        }
        for word in ("first word", *SECONDS)
    ]


def write_section(section: str, rows: Sequence[dict[str, Any]], file: Path | None) -> None:
    """Write a section's rows in place of those of the same family, file and target, beside all others."""
    if file is None:
        return

    def name(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row.get(key) for key in _KEYS)

    document = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    made = {name(row) for row in rows}
    kept = [row for row in document.get(section, {}).get("rows", []) if name(row) not in made]
    write_json({**document, section: {"host": host().to_json(), "rows": [*kept, *rows]}}, file)


if __name__ == "__main__":
    main()
