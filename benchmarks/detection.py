"""Detectors: what int8 costs in average precision, and what a whole frame costs in time.

    edgecnn fetch zoo:yolo-nano
    python benchmarks/detection.py nano path/to/photos-with-boxes --json results/detection.json
    python benchmarks/detection.py yolox yolox_nano.onnx path/to/coco --json results/detection.json
    python benchmarks/detection.py nms --json results/detection.json

``nano`` runs the built-in pipeline `detector` on a dataset (Pascal VOC, YOLO or COCO), of which a fixed fifth
is held out, in a store of its own, and times whole frames of its int8 artifacts on one thread. ``nms`` times
suppression against torchvision's. ``yolox`` exports an ONNX file for the three int8 targets, calibrated on
``calibration.json`` and measured on ``eval.json`` of a folder, each by the rung that an export takes by
itself. A section replaces its own tables in a JSON file that is there already, and leaves the others'.

Claims that this script is for: AP50 of at least 0.75 on the raccoon photos after less than 40 minutes on two
cores, int8 within 1 point of fp32's AP50 in all three formats; a fully integer TFLite file without
transposes; pre- and post-processing together at most 15 % of the network's time; suppression of 8,400
candidates at least as fast as torchvision's; YOLOX-nano's AP50:95 within 1 point of fp32's in ONNX Runtime
and OpenVINO and within 1.5 in a fully integer TFLite file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from export import empty_home
from output import print_table, write_json

from edgecnn.backends.registry import find_format, find_runtime
from edgecnn.core.store.manifest import Artifact
from edgecnn.data.source import open_source
from edgecnn.devices.host import host
from edgecnn.ondevice.decode import decode
from edgecnn.ondevice.input_tensor import Feed
from edgecnn.ondevice.nms import nms
from edgecnn.ondevice.preprocess import geometry, upright_size
from edgecnn.ondevice.runner import open_runner
from edgecnn.tasks.detection.task import DetectionTask
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL import Image

_FRAMES = 40
_CANDIDATES = 8400
_YOLOX_TARGETS = ("onnx-int8", "openvino-int8", "tflite-int8")
_YOLOX_SETS = {"calibration": "calibration", "data": "eval"}


def main() -> None:
    """Measure what the first argument names, print it, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("section", choices=("nano", "yolox", "nms"))
    parser.add_argument("data", nargs="?", help="for nano: photos with boxes; for yolox: the ONNX file")
    parser.add_argument("images", nargs="?", help="for yolox: folder of calibration.json and eval.json")
    parser.add_argument(
        "--target", nargs="+", choices=_YOLOX_TARGETS, default=_YOLOX_TARGETS, help="for yolox"
    )
    parser.add_argument("--set", action="append", default=[], help="a change to the pipeline: train.epochs=1")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    if arguments.section == "nano":
        if arguments.data is None:
            parser.error("nano needs a dataset")
        found = nano(arguments.data, arguments.set)
    elif arguments.section == "yolox":
        if arguments.data is None or arguments.images is None:
            parser.error("yolox needs an ONNX file and a folder of images")
        found = {"int8": yolox(arguments.data, Path(arguments.images), arguments.target, arguments.set)}
    else:
        found = {"suppression": suppression()}
    for title, rows in found.items():
        print_table(rows, title)
    if arguments.json:
        write_section(arguments.json, arguments.section, found)


def write_section(file: Path, section: str, found: dict[str, list[dict[str, Any]]]) -> None:
    """Write a section's tables, with the machine that they are from, beside those of the other sections.

    Rows of targets that this run did not make stay.
    """
    document = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for title, rows in found.items():
        made = {row.get("target") for row in rows}
        kept = [row for row in document.get(section, {}).get(title, []) if row.get("target") not in made]
        found[title] = [*(row for row in kept if "target" in row), *rows]
    write_json({**document, section: {"host": host().to_json(), **found}}, file)


def nano(data: str, changes: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Run the pipeline `detector` as a user would and return its targets and the frames' times."""
    with tempfile.TemporaryDirectory(prefix="edgecnn-detection-") as folder:
        environment = {**os.environ, "EDGECNN_HOME": str(empty_home(Path(folder)))}
        command = [
            sys.executable,
            "-m",
            "edgecnn.ui.cli.main",
            "run",
            "detector",
            f"data.root={data}",
            "--json",
        ]
        started = time.monotonic()
        finished = subprocess.run(
            [*command, *changes, "--out", str(Path(folder) / "run")],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - started
        summary = json.loads(finished.stdout)
        if "targets" not in summary:
            raise SystemExit(f"the pipeline failed: {summary}")
        opened = [
            Artifact.open(Path(item["artifact"])) for item in summary["targets"] if item.get("artifact")
        ]
        photos = _photos(f"{data}@held-out")
        return {
            "targets": [_target_row(artifact, seconds) for artifact in opened],
            "frame, one thread, ms": [
                _frame_row(artifact, photos)
                for artifact in opened
                if find_runtime(find_format(artifact.manifest.target.format).runtime).ships
            ],
        }


def yolox(model: str, images: Path, targets: Sequence[str], changes: list[str]) -> list[dict[str, Any]]:
    """Export an ONNX detector for int8 targets as a user would and return what is left of its AP."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="edgecnn-yolox-") as folder:
        environment = {**os.environ, "EDGECNN_HOME": str(empty_home(Path(folder)))}
        for target in targets:
            given = {"--target": target, "--out": f"{folder}/{target}"}
            given |= {f"--{key}": str(images / f"{name}.json") for key, name in _YOLOX_SETS.items()}
            options = [word for pair in given.items() for word in pair]
            options += [word for setting in changes for word in ("--set", setting)]
            started = time.monotonic()
            subprocess.run(
                [sys.executable, "-m", "edgecnn.ui.cli.main", "export", model, *options],
                env=environment,
                stdout=subprocess.PIPE,
                check=False,
            )
            made = [path for path in Path(folder).glob(f"{target}*") if (path / "manifest.json").is_file()]
            if made:
                artifact = Artifact.open(made[0])
                row = _target_row(artifact, time.monotonic() - started)
                rung = artifact.manifest.ladder[-1].rung
                rows.append({**row, "rung": rung, "ships": not made[0].name.endswith(".rejected")})
    return rows


def _target_row(artifact: Artifact, seconds: float) -> dict[str, Any]:
    metrics, inspection = artifact.manifest.metrics, artifact.manifest.inspection
    if metrics is None:
        raise SystemExit(f"{artifact.directory} was not measured")
    return {
        "target": artifact.manifest.target.name,
        "AP50": round(100 * metrics.besides["ap50"], 2),
        "fp32 AP50": round(100 * metrics.besides["fp32_ap50"], 2),
        "AP50 drop": round(100 * metrics.besides["ap50_drop"], 2),
        "AP50:95": round(100 * metrics.value, 2),
        "drop": round(100 * metrics.drop, 2),
        "drop interval": [round(100 * value, 2) for value in metrics.drop_interval],
        "images": metrics.n,
        "rungs": len(artifact.manifest.ladder),
        "float ops": inspection.float_ops,
        "transposes": inspection.transposes,
        "run s": round(seconds),
    }


def _photos(reference: str) -> list[Image.Image]:
    source = open_source(reference, cache_dir=Path())
    return [source.load(index) for index in range(min(len(source), _FRAMES))]


def _frame_row(artifact: Artifact, photos: list[Image.Image]) -> dict[str, Any]:
    """Time decoded photos from pixels to boxes, each part by itself; the median frame counts."""
    manifest = artifact.manifest
    runner = open_runner(artifact.model, (find_format(manifest.target.format).runtime,), threads=1)
    outputs = [
        replace(info, channels_last=manifest.target.format == "tflite" and len(info.shape) == 4)
        for info in runner.outputs
    ]
    feed, contract = Feed(runner.inputs[0], artifact.contract), artifact.contract
    task = task_of(artifact.manifest.task)
    if not isinstance(task, DetectionTask):
        raise SystemExit(f"{artifact.directory} is no detector")
    detector = task.detector
    parts = []
    for photo in [photos[0], *photos]:
        marks = [time.perf_counter()]
        tensor = feed.fill(geometry(photo, contract)[None])
        marks.append(time.perf_counter())
        raw = runner.run(tensor)
        marks.append(time.perf_counter())
        maps = [info.as_in_torch(info.dequantize(values)) for info, values in zip(outputs, raw, strict=True)]
        decode(detector, maps, contract, [upright_size(photo)])
        marks.append(time.perf_counter())
        parts.append(np.diff(marks) * 1e3)
    before, network, after = np.median(parts[1:], axis=0)
    return {
        "target": manifest.target.name,
        "frames": len(photos),
        "preprocessing": round(float(before), 2),
        "network": round(float(network), 2),
        "decode and NMS": round(float(after), 2),
        "whole": round(float(before + network + after), 2),
        "pre and post of network": f"{100 * (before + after) / network:.1f} %",
    }


def suppression() -> list[dict[str, Any]]:
    """Time suppression of many candidates against torchvision's, one thread, the best of ten."""
    import torch
    from torchvision.ops import batched_nms

    torch.set_num_threads(1)
    rows = []
    for kind in ("spread", "in thirty heaps"):
        boxes, scores, classes = _candidates(kind)
        tensors = tuple(torch.from_numpy(values) for values in (boxes, scores, classes))
        ours = _best_ms(lambda: nms(boxes, scores, classes, 0.6, 100))  # noqa: B023 - called at once
        theirs = _best_ms(lambda: batched_nms(*tensors, 0.6)[:100])  # noqa: B023 - called at once
        rows.append(
            {
                "candidates": f"{_CANDIDATES} {kind}",
                "edgecnn ms": round(ours, 2),
                "torchvision ms": round(theirs, 2),
                "ratio": round(ours / theirs, 2),
            }
        )
    return rows


def _candidates(kind: str) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(0)
    corner = random.uniform(0, 640, (_CANDIDATES, 2))
    if kind != "spread":
        corner = corner[random.integers(0, 30, _CANDIDATES)] + random.normal(0, 6, (_CANDIDATES, 2))
    boxes = np.concatenate([corner, corner + random.uniform(20, 120, (_CANDIDATES, 2))], 1)
    scores = random.random(_CANDIDATES)
    return boxes.astype(np.float32), scores.astype(np.float32), random.integers(0, 80, _CANDIDATES)


def _best_ms(run: Callable[[], object]) -> float:
    times = []
    for _ in range(10):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return 1e3 * min(times)


if __name__ == "__main__":
    main()
