"""Measure the share of the bare runtime loop's throughput that an evaluation keeps.

    python benchmarks/evaluation.py onnxruntime=mobilenetv2.onnx litert=model.tflite --json out.json

The claim: evaluating images (normalize, run, dequantize, store) reaches at least 90 % of the images per
second of a loop that only runs the network on one prepared input. The two take turns in one worker.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from output import print_table, write_json

from edgecnn.devices.host import host
from edgecnn.devices.local import LocalDevice
from edgecnn.ondevice.contract import Contract

ROUNDS = 11
ROUND_SECONDS = 1.0


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="RUNTIME=FILE")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    results = []
    for pair in arguments.models:
        runtime, _, model = pair.partition("=")
        with tempfile.TemporaryDirectory() as scratch:
            results.append(throughput(runtime, Path(model), Path(scratch)))
    print_table(results)
    write_json({"host": host().to_json(), "results": results}, arguments.json)


def throughput(runtime: str, model: Path, scratch: Path) -> dict[str, Any]:
    """Return images per second of both loops and the median of the rounds' ratios."""
    with LocalDevice().open(runtime, model, log=scratch / "log") as session:
        shape = session.description.inputs[0].shape
        height, width = shape[1:3] if shape[3] in (1, 3) else shape[2:4]
        count = int(np.clip(ROUND_SECONDS * 1e9 / np.median(session.time(20, warmup=20).wall_ns), 20, 5000))
        pictures = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)
        np.save(scratch / "images.npy", pictures)
        contract = Contract(height=height, width=width)
        bare, evaluation, peak = [], [], 0
        for _ in range(ROUNDS):
            bare.append(count / (session.time(count).wall_ns.sum() / 1e9))
            done = session.evaluate(scratch / "images.npy", contract, scratch / "out")
            evaluation.append(done.images_per_second)
            peak = done.peak_bytes
    ratios = [one / other for one, other in zip(evaluation, bare, strict=True)]
    return {
        "model": model.name,
        "runtime": runtime,
        "bare": statistics.median(bare),
        "evaluation": statistics.median(evaluation),
        "ratio": statistics.median(ratios),
        "peak_bytes": peak,
    }


if __name__ == "__main__":
    main()
