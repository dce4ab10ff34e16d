"""Accuracy of int8 files by every rung of the ladder, beside what each vendor's quantizer gives by default.

    edgecnn fetch zoo:mobilenetv2 zoo:efficientnet-lite0 zoo:efficientnet-lite1 zoo:efficientnet-lite2
    python benchmarks/quantization.py --calibration calibration.csv --data eval.csv --json quantization.json
    python benchmarks/quantization.py --model pipelines/mobilenetv3.yaml --json quantization.json

A pipeline file trains its network first, and brings its own images.

All files of a runtime are made from one float file, with the same calibration images, and judged on the same
evaluation images. Latency is measured with the fastest of them and the float file taking turns.

Claims that this script is for: a drop of at most 0.5 points with post-training methods alone, agreement with
fp32 of at least 97 %, logits at least 3 dB nearer than the default or at 20 dB, at a latency of at most 1.03
of the default's, in every runtime.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from native_defaults import onnx2tf_default
from output import print_table, write_rows

from edgecnn.backends.formats import model_file
from edgecnn.core.config.yaml_source import YamlSource
from edgecnn.data.prepared import PreparedSet
from edgecnn.devices.local import LocalDevice
from edgecnn.pipeline.loading import from_source, load_pipeline
from edgecnn.pipeline.make_targets import Places, make_targets
from edgecnn.pipeline.reporter import SilentReporter
from edgecnn.pipeline.stages.outputs import read_outputs
from edgecnn.pipeline.stages.reference import EVAL
from edgecnn.proof.accuracy.classification import agreement, paired_difference, top_k_hits
from edgecnn.proof.latency.latency_test import compare_latency
from edgecnn.proof.latency.measurement import pinned_opener
from edgecnn.proof.links.output_distance import sqnr_db

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.config.pipeline import Pipeline

NETWORKS = (
    "zoo:mobilenetv2",
    "zoo:efficientnet-lite0",
    "zoo:efficientnet-lite1",
    "zoo:efficientnet-lite2",
)
TARGETS = {"onnx-int8": "onnxruntime", "tflite-int8": "litert", "openvino-int8": "openvino"}
RUNGS = ("plain", "ranges", "equalize", "adaround")
_CONVERTING = frozenset({"equalize", "round", "lower", "quantize"})
_SUFFIX = {"onnx": ".onnx", "tflite": ".tflite", "openvino": ".xml"}


@dataclass(frozen=True)
class Photos:
    """CSV files or folders of photos, for networks that bring none."""

    calibration: str | None
    evaluation: str | None


@dataclass(frozen=True)
class Case:
    """One network for one target: where its float file and its images are.

    Attributes:
        model: The network.
        target: The target.
        float_file: What all int8 files are made from.
        calibration: Directory of the calibration set.
        images: Directory of the evaluation set.
        truth: fp32 PyTorch's outputs on it, float32 ``[N, classes]``.
    """

    model: str
    target: str
    float_file: Path
    calibration: Path
    images: Path
    truth: Any


def main() -> None:
    """Quantize every network every way, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calibration", help="CSV or folder of calibration photos")
    parser.add_argument("--data", help="CSV or folder of labelled evaluation photos")
    parser.add_argument(
        "--model", action="append", help=f"a network or pipeline file; {', '.join(NETWORKS)} by default"
    )
    parser.add_argument("--target", action="append", help=f"a target; {', '.join(TARGETS)} by default")
    parser.add_argument("--rung", action="append", help=f"a rung; {', '.join(RUNGS)} by default")
    parser.add_argument("--onnx2tf", type=Path, help="interpreter that has onnx2tf, for one more TFLite row")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    models = arguments.model or NETWORKS
    photographed = [model for model in models if not is_pipeline(model)]
    if photographed and not (arguments.calibration and arguments.data):
        parser.error(f"{photographed[0]} needs --calibration and --data")
    rows: list[dict[str, Any]] = []
    for model in models:
        for target in arguments.target or TARGETS:
            with tempfile.TemporaryDirectory(prefix="edgecnn-quantization-") as folder:
                rungs = arguments.rung or RUNGS
                photos = Photos(arguments.calibration, arguments.data)
                rows += compare(model, target, rungs, photos, Path(folder), arguments.onnx2tf)
            print_table(rows)
            write_rows(rows, arguments.json)


def compare(
    model: str, target: str, rungs: Sequence[str], photos: Photos, folder: Path, onnx2tf: Path | None
) -> list[dict[str, Any]]:
    """Return a row for the vendor's default and one for each rung."""
    files: dict[str, Path] = {}
    seconds: dict[str, float] = {}
    case = None
    for rung in rungs:
        case, files[rung], seconds[rung] = make(model, target, rung, photos, folder)
    if case is None:
        return []
    started = time.monotonic()
    files["native default"] = native(case, folder)
    seconds["native default"] = time.monotonic() - started
    if onnx2tf is not None and target == "tflite-int8":
        source = make(model, "onnx-int8", "plain", photos, folder / "onnx")[0].float_file
        started = time.monotonic()
        files["onnx2tf"] = onnx2tf_default(onnx2tf, source, case.calibration, folder)
        seconds["onnx2tf"] = time.monotonic() - started
    return [
        judge(case, way, file, files["native default"], seconds[way], folder) for way, file in files.items()
    ]


def make(model: str, target: str, rung: str, photos: Photos, folder: Path) -> tuple[Case, Path, float]:
    """Make one file by one rung; return what it was made from, the file, and the seconds its steps took."""
    pipeline = one_rung(model, target, rung, photos)
    places = Places(
        folder / "logs", {target: folder / rung / "ships"}, {target: folder / rung / "rejected"}, folder
    )
    targets, steps = make_targets(pipeline, places, SilentReporter())
    outputs = {result.step.id: result.entry.outputs for result in steps if result.entry is not None}
    form = pipeline.targets[target].format
    quantized = next((path for name, path in outputs.items() if name.startswith("quantize:")), None)
    if quantized is None:
        raise SystemExit(f"{model} {target} {rung}: {targets[0].error}")
    case = Case(
        model,
        target,
        model_file(outputs[f"lower:{form}"], form),
        outputs["calibration"],
        outputs["prepare:eval"],
        read_outputs(outputs["reference"] / EVAL)[0],
    )
    records = [
        result.entry.record
        for result in steps
        if result.entry is not None and result.step.stage.name in _CONVERTING
    ]
    seconds = sum(cost.wall_s for record in records for cost in record.costs.values())
    return case, model_file(quantized, form), seconds


def one_rung(model: str, target: str, rung: str, photos: Photos) -> Pipeline:
    """Return the pipeline that makes a network's file for a target by one rung, and measures it."""
    wanted = {target: {"quantize": {"method": rung}}}
    if is_pipeline(model):
        changes = (f"targets={json.dumps(wanted)}", "budgets={}", "benchmark=null")
        return load_pipeline(model, changes)
    document = {
        "name": "quantization",
        "model": {"name": model, "pretrained": True},
        "data": {"eval": photos.evaluation, "calibration": {"source": photos.calibration, "count": 512}},
        "targets": wanted,
        "benchmark": None,
    }
    return from_source(YamlSource(document, {}, "benchmark"))


def is_pipeline(model: str) -> bool:
    """Return whether a network is named by the pipeline that trains it."""
    return model.endswith(".yaml")


def native(case: Case, folder: Path) -> Path:
    """Quantize with the vendor's documented defaults, in a process of its own."""
    form = case.target.partition("-")[0]
    out = folder / f"native{_SUFFIX[form]}"
    script = Path(__file__).with_name("native_defaults.py")
    subprocess.run(
        [sys.executable, str(script), form, str(case.float_file), str(case.calibration), str(out)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return out


def judge(case: Case, way: str, file: Path, default: Path, seconds: float, folder: Path) -> dict[str, Any]:
    """Return what one file is worth on the evaluation images, and its latency beside two others."""
    outputs = evaluate(case, file, folder)
    labels = np.asarray(PreparedSet.open(case.images).labels)
    before, after = top_k_hits(case.truth, labels), top_k_hits(outputs, labels)
    difference = paired_difference(before, after)
    weights = file.with_suffix(".bin")
    return {
        "model": Path(case.model).stem.removeprefix("zoo:"),
        "target": case.target,
        "way": way,
        "fp32 top-1": round(100 * float(before.mean()), 2),
        "top-1": round(100 * float(after.mean()), 2),
        "drop": round(100 * float(before.mean() - after.mean()), 2),
        "drop interval": [round(100 * difference.low, 2), round(100 * difference.high, 2)],
        "agreement": round(100 * agreement(case.truth, outputs), 1),
        "SQNR dB": round(sqnr_db(case.truth, outputs), 1),
        "kB": round((file.stat().st_size + (weights.stat().st_size if weights.is_file() else 0)) / 1e3),
        "of fp32 latency": latency(case, file, case.float_file, folder),
        "of default latency": latency(case, file, default, folder),
        "seconds": round(seconds),
    }


def evaluate(case: Case, file: Path, folder: Path) -> Any:
    """Return a file's outputs on the evaluation images in its shipping runtime."""
    images = PreparedSet.open(case.images)
    out = folder / "outputs"
    out.mkdir(exist_ok=True)
    with LocalDevice().open(TARGETS[case.target], file, log=folder / "log", threads=1) as session:
        session.evaluate(images.directory / "images.npy", images.contract, out)
    return read_outputs(out)[0]


def latency(case: Case, file: Path, other: Path, folder: Path) -> float:
    """Return the ratio of two files' latencies, taking turns on one CPU."""
    device, runtime, log = LocalDevice(), TARGETS[case.target], folder / "log"
    compared = compare_latency(
        pinned_opener(device, runtime, file, log=log), pinned_opener(device, runtime, other, log=log)
    )
    return round(compared.ratio, 3)


if __name__ == "__main__":
    main()
