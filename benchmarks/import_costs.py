r"""Count what imports cost in every process of an export: CPU seconds, their share, and heavy packages.

    edgecnn fetch zoo:mobilenetv2
    python benchmarks/import_costs.py --calibration calibration.csv --data eval.csv --json import-costs.json
    PYTHONPATH=OTHER_TREE python benchmarks/import_costs.py ... --json before.json

The store is empty at the beginning, and the targets are exported one after the other into it, by the rung
``plain`` and without timing: the second target reuses network and reference of the first. `total` is the CPU
time of the command with all that it has waited for; a row is one process, and `imports` counts each import
of a process with the outermost one.

Claims that this script is for: the libraries of a network are imported once a run, and no step imports
torchvision, timm, torchao, nncf or litert_torch that does not use it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from export import empty_home
from export_bytes import digests, entry_point
from output import print_table, write_json

from edgecnn.devices.host import host

TARGETS = ("onnx-int8", "tflite-int8", "openvino-int8")
HEAVY = (
    *("torch", "torchvision", "timm", "torchao", "torch_pruning"),
    *("onnx", "onnxscript", "onnxruntime", "litert_torch", "jax", "ai_edge_quantizer", "ai_edge_litert"),
    *("openvino", "nncf", "scipy", "sympy", "pydantic"),
)
SERVER = "edgecnn.core.fork_server"
_COLUMNS = ("target", "process", "made", "cpu s", "imports s", "share", "packages")


def main() -> None:
    """Export, print a row for every process and the sums, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calibration", type=Path, required=True, help="CSV or folder of calibration photos")
    parser.add_argument(
        "--data", type=Path, required=True, help="CSV or folder of labelled evaluation photos"
    )
    parser.add_argument("--model", default="zoo:mobilenetv2")
    parser.add_argument("--target", action="append", help=f"{', '.join(TARGETS)} by default")
    parser.add_argument("--rung", default="plain")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    rows, sums = [], []
    with tempfile.TemporaryDirectory(prefix="edgecnn-imports-") as name:
        home = empty_home(Path(name))
        for target in arguments.target or TARGETS:
            found, total = measure(Path(name), home, target, arguments)
            rows += found
            sums.append(total)
    print_table(rows, columns=_COLUMNS)
    print_table(sums)
    write_json({"host": host().to_json(), "sums": sums, "processes": rows}, arguments.json)


def measure(
    folder: Path, home: Path, target: str, arguments: argparse.Namespace
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Export for a target; return a row for each process, and the sums."""
    records, out = folder / f"records-{target}", folder / target
    records.mkdir()
    hook = Path(__file__).parent / "import_hook"
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    finished = subprocess.run(
        [
            *(sys.executable, "-m", entry_point(), "export", arguments.model, "--target", target, "--json"),
            *("--calibration", str(arguments.calibration.resolve()), "--data", str(arguments.data.resolve())),
            *("--set", f"targets.{target}.quantize.method={arguments.rung}", "--set", "benchmark=null"),
            *("--out", str(out)),
        ],
        env={
            **os.environ,
            "EDGECNN_HOME": str(home),
            "EDGECNN_IMPORTS_RECORD": str(records),
            "PYTHONPATH": os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(hook)))),
        },
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    artifact = json.loads(finished.stdout).get("artifact") if finished.stdout else None
    if artifact is None:
        raise SystemExit(f"{target}: exit code {finished.returncode}: {finished.stdout.decode()}")
    rows = [row(target, json.loads(file.read_text())) for file in sorted(records.glob("*.json"))]
    rows = [one for one in rows if one["cpu s"] >= 0.1]
    return rows, {
        "target": target,
        "total cpu s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "imports s": round(sum(one["imports s"] for one in rows), 2),
        "imports of torch": sum(one["made"] != "forked" and "torch" in one["packages"] for one in rows),
        "processes": len(rows),
        "wall s": round(time.monotonic() - started, 1),
        "files": digests(Path(artifact).glob("model.*")),
    }


def row(target: str, record: dict[str, Any]) -> dict[str, Any]:
    """Return what one process came to."""
    served = SERVER in record["program"]
    log = record["log"].removesuffix(".log")
    made = "forked" if served and record["forked"] else "server" if served else "started"
    return {
        "target": target,
        "process": "the command" if log == "null" else log,
        "made": made,
        "cpu s": round(record["cpu_s"], 2),
        "imports s": round(record["imports_s"], 2),
        "share": round(record["imports_s"] / max(record["cpu_s"], 1e-9), 2),
        "packages": " ".join(name for name in HEAVY if name in record["modules"]),
    }


if __name__ == "__main__":
    main()
