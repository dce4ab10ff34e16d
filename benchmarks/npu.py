"""Pretrained networks on NPUs, without the board: coverage, cycles, memory, and the bits that come out.

    edgecnn fetch zoo:mobilenetv2 zoo:efficientnet-lite0
    edgecnn toolchain install vela tosa
    python benchmarks/npu.py --calibration calibration.csv --data eval.csv --json npu.json

Claims that this script is for: every operation on the NPU; the TOSA reference model gives the bits of the
reference kernels on 50 photos; the task metric within its limit; cycle counts that repeat exactly; a whole
verification (compile, execute, check) in under 3 minutes on 2 cores. Cycles and memory are the compiler's
estimates; no silicon is involved.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import edgecnn
from edgecnn.devices.host import host
from edgecnn.errors import EdgecnnError

NETWORKS = ("zoo:mobilenetv2", "zoo:efficientnet-lite0")
TARGETS = ("ethos-u55-128", "ethos-u65-256", "ethos-u85-256")
IMAGES = 50
COLUMNS = (
    "model",
    "target",
    "coverage",
    "cpu_ops",
    "cycles",
    "repeats",
    "ms",
    "sram_bytes",
    "flash_bytes",
    "max_abs",
    "top1",
    "fp32",
    "npu_s",
    "error",
)


def main() -> None:
    """Export every network for every NPU, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calibration", required=True, help="CSV or folder of calibration photos")
    parser.add_argument("--data", required=True, help="CSV or folder of labelled evaluation photos")
    parser.add_argument("--model", action="append", help=f"a network; {', '.join(NETWORKS)} by default")
    parser.add_argument("--target", action="append", help=f"a target; {', '.join(TARGETS)} by default")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    rows = [
        measure(model, target, arguments.calibration, arguments.data)
        for model in arguments.model or NETWORKS
        for target in arguments.target or TARGETS
    ]
    table = Table(*COLUMNS, box=None)
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in COLUMNS))
    Console(width=220).print(table)
    if arguments.json:
        document = {"host": host().to_json(), "images": IMAGES, "rows": rows}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def measure(model: str, target: str, calibration: str, data: str) -> dict[str, Any]:
    """Export once, reusing what earlier rows made, and compile the file a second time."""
    overrides = (f"data.limit={IMAGES}", f"verification.images={IMAGES}")
    with tempfile.TemporaryDirectory(prefix="edgecnn-npu-") as folder:
        out = Path(folder) / "artifact"
        try:
            result = edgecnn.export(
                model, target, calibration=calibration, data=data, overrides=overrides, out=out
            )
            if result.error is not None or result.manifest is None or result.artifact is None:
                return {"model": model, "target": target, "error": str(result.error)}
            again = edgecnn.inspect(result.artifact / result.manifest.model, target=target)
        except EdgecnnError as error:
            return {"model": model, "target": target, "error": str(error)}
    npu, metrics = result.manifest.npu, result.manifest.metrics
    kernels = next(link for link in result.manifest.verification if link["name"] == "kernels")
    return {
        "model": model,
        "target": target,
        "coverage": npu["npu_coverage"],
        "cpu_ops": npu["cpu_ops"],
        "cycles": npu["cycles"],
        "repeats": again["cycles"] == npu["cycles"],
        "ms": npu["milliseconds"],
        "sram_bytes": npu["sram_bytes"],
        "flash_bytes": npu["flash_bytes"],
        "max_abs": kernels["metrics"]["max_abs"],
        "top1": metrics["value"],
        "fp32": metrics["fp32"],
        "npu_s": result.manifest.costs["compile"]["wall_s"] + metrics["seconds"],
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
