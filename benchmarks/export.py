"""Measure the cost of exporting in accuracy, seconds and memory: every target for pretrained networks.

    edgecnn fetch zoo:mobilenetv2 zoo:efficientnet-lite0
    python benchmarks/export.py --calibration calibration.csv --data eval.csv --json export.json

Claims that this script is for: int8 files within 1.0 point of fp32 in LiteRT and OpenVINO and within 2.5 in
ONNX Runtime on a CPU without VNNI; TFLite without float operations and transposes; every convolution an
integer kernel; evaluation at least as fast as the bare runtime loop, less 10 %; peak memory and wall time of
an export.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from output import print_table, write_json

from edgecnn.backends.registry import find_runtime
from edgecnn.backends.targets import load_target
from edgecnn.core.config.paths import cache_dir
from edgecnn.core.config.target import target_names
from edgecnn.core.store.manifest import Artifact
from edgecnn.devices.host import host
from edgecnn.devices.local import LocalDevice

NETWORKS = ("zoo:mobilenetv2", "zoo:efficientnet-lite0")
LIMIT_POINTS = {"onnx-int8": 2.5, "tflite-int8": 1.0, "openvino-int8": 1.0}


def main() -> None:
    """Export every network for every target, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calibration", required=True, help="CSV or folder of calibration photos")
    parser.add_argument("--data", required=True, help="CSV or folder of labelled evaluation photos")
    parser.add_argument("--model", action="append", help=f"a network; {', '.join(NETWORKS)} by default")
    parser.add_argument("--target", action="append", help="a target; all that run on this CPU by default")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgecnn-export-") as folder:
        home = empty_home(Path(folder))
        rows = [
            measure(model, target, arguments.calibration, arguments.data, home)
            for model in arguments.model or NETWORKS
            for target in arguments.target or cpu_targets()
        ]
    print_table(rows)
    write_json({"host": host().to_json(), "rows": rows}, arguments.json)


def cpu_targets() -> list[str]:
    """Return the targets that this machine executes as they ship; `npu.py` is for the simulated ones."""
    return [name for name in target_names() if not find_runtime(load_target(name).runtime).simulates]


def measure(model: str, target: str, calibration: str, data: str, home: Path) -> dict[str, Any]:
    """Export once as a user would, in a process of its own, and read the manifest."""
    with tempfile.TemporaryDirectory(prefix="edgecnn-export-") as folder:
        out = Path(folder) / "artifact"
        environment = {**os.environ, "EDGECNN_HOME": str(home)}
        command = [sys.executable, "-m", "edgecnn.ui.cli.main", "export", model, "--target", target, "--json"]
        command += ["--calibration", calibration, "--data", data, "--out", str(out)]
        finished = subprocess.run(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        result = json.loads(finished.stdout)
        if result.get("artifact") is None:
            raise SystemExit(f"{model} {target}: {result}")
        artifact = Artifact.open(Path(result["artifact"]))
        return row(model, artifact, ships=result["ships"])


def row(model: str, artifact: Artifact, *, ships: bool) -> dict[str, Any]:
    """Return what one export came to."""
    manifest = artifact.manifest
    metrics, inspection, latency = manifest.metrics, manifest.inspection, manifest.latency
    if metrics is None or latency is None:
        raise SystemExit(f"{artifact.directory} was not measured")
    children = manifest.costs.values()
    links = {link.name: link.metrics for link in manifest.verification}
    drop = 100 * metrics.drop
    return {
        "model": model,
        "target": manifest.target.name,
        "ships": ships,
        "precision": manifest.precision,
        "MB": round(manifest.size_bytes / 1e6, 2),
        "fp32 top-1": round(100 * metrics.fp32, 2),
        "top-1": round(100 * metrics.value, 2),
        "drop": round(drop, 2),
        "drop interval": [round(100 * value, 2) for value in metrics.drop_interval],
        "within": drop <= LIMIT_POINTS.get(manifest.target.name, 0.5),
        "agreement": round(100 * metrics.agreement, 1),
        "SQNR dB": decibels(links, "shipping_sqnr_db"),
        "reference dB": decibels(links, "reference_sqnr_db"),
        "float ops": inspection.float_ops,
        "transposes": inspection.transposes,
        "latency ratio": round(latency.ratio, 3),
        "images/s": round(metrics.images_per_second, 1),
        "of bare loop": round(metrics.images_per_second / bare_loop(artifact), 2),
        "convert s": round(sum(cost.wall_s for cost in children), 1),
        "convert CPU s": round(sum(cost.cpu_s or 0.0 for cost in children), 1),
        "peak MB": round(max(cost.peak_bytes or 0 for cost in children) / 1e6),
    }


def decibels(links: dict[str, dict[str, float]], name: str) -> float | None:
    """Return an SQNR of link 3, or None for a float32 file, which has none."""
    return round(float(links["kernels"][name]), 1) if "kernels" in links else None


def bare_loop(artifact: Artifact, iterations: int = 200) -> float:
    """Return the runtime's own inferences a second, on one input that lies ready."""
    target = artifact.manifest.target
    with (
        tempfile.TemporaryDirectory(prefix="edgecnn-bare-") as folder,
        LocalDevice().open(
            target.runtime, artifact.model, log=Path(folder) / "log", threads=target.threads
        ) as session,
    ):
        times = session.time(iterations, warmup=20)
    return float(1e9 * iterations / times.wall_ns.sum())


def empty_home(folder: Path) -> Path:
    """Return a home whose downloads are those of the user and whose store is empty."""
    home = folder / "home"
    home.mkdir()
    (home / "downloads").symlink_to(cache_dir())
    return home


if __name__ == "__main__":
    main()
