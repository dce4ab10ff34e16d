"""Measure how far int8 files are apart that differ in nothing but their calibration images.

    python benchmarks/calibration_sets.py CHECKPOINT --json benchmarks/results/calibration-sets.json

CHECKPOINT is the quickstart's, ``runs/quickstart/checkpoint``. The claim that this script is for: the gate
tolerates a larger fall of a link's signal to noise ratio, and of the agreement with fp32, than another choice
of 200 calibration images makes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from output import print_table, write_json

import edgecnn
from edgecnn.core.documents.baseline import Fidelity
from edgecnn.core.store.runs import open_artifacts
from edgecnn.devices.host import host

TARGETS = ("tflite-int8", "onnx-int8")
COUNTS = (200, 8)
SEEDS = range(4)


def main() -> None:
    """Export the checkpoint with every calibration set and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", help="directory of the quickstart's checkpoint")
    parser.add_argument("--json", type=Path, help="file for the results")
    arguments = parser.parse_args()
    rows = [
        measure(arguments.checkpoint, target, images, seed)
        for target in TARGETS
        for images in COUNTS
        for seed in SEEDS
    ]
    print_table(rows)
    write_json({"host": host().to_json(), "rows": rows}, arguments.json)


def measure(checkpoint: str, target: str, images: int, seed: int) -> dict[str, object]:
    """Return the figures of one file."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "artifact"
        edgecnn.export(
            checkpoint,
            target,
            calibration="fashion-mnist:train",
            data="fashion-mnist:test",
            images=images,
            overrides=(f"data.calibration.seed={seed}",),
            out=out,
        )
        manifest = open_artifacts(out)[target].manifest
    found = Fidelity.of(manifest)
    return {
        "target": target,
        "images": images,
        "seed": seed,
        "quantization_sqnr_db": found.quantization_sqnr_db,
        "shipping_sqnr_db": found.shipping_sqnr_db,
        "agreement": found.agreement,
        "accuracy": manifest.measured.value("accuracy"),
        "evaluated": found.images,
    }


if __name__ == "__main__":
    main()
