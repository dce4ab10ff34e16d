"""Time the command line, and list its heavy imports.

    python benchmarks/startup.py --json benchmarks/results/startup.json

Claim that this script is for: ``edgecnn --help`` answers in 0.3 s, without torch or tensorflow.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from output import print_table, write_json

from edgecnn.devices.host import host

COMMANDS = (("--help",), ("run", "--help"), ("export", "--help"), ("targets",), ("models",), ("doctor",))
HEAVY = ("torch", "tensorflow", "nncf", "openvino", "onnxruntime", "litert_torch", "ai_edge_litert", "timm")
ROUNDS = 9


def main() -> None:
    """Time every command, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    rows = [measure(command) for command in COMMANDS]
    print_table(rows)
    write_json({"host": host().to_json(), "rows": rows}, arguments.json)


def measure(command: tuple[str, ...]) -> dict[str, Any]:
    """Run a command several times; return medians of its times and the heavy packages it imported."""
    call = [sys.executable, "-m", "edgecnn.ui.cli.main", *command]
    walls, cpus = [], []
    for _ in range(ROUNDS + 1):
        before, started = os.times(), time.perf_counter()
        subprocess.run(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        walls.append(time.perf_counter() - started)
        after = os.times()
        cpus.append(
            after.children_user - before.children_user + after.children_system - before.children_system
        )
    return {
        "command": " ".join(("edgecnn", *command)),
        "wall s": round(statistics.median(walls[1:]), 3),
        "cpu s": round(statistics.median(cpus[1:]), 3),
        "heavy imports": ", ".join(imported(command)) or "none",
    }


def imported(command: tuple[str, ...]) -> list[str]:
    """Return the heavy packages that a command imports, from the interpreter's own log."""
    call = [sys.executable, "-X", "importtime", "-m", "edgecnn.ui.cli.main", *command]
    finished = subprocess.run(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in finished.stderr.splitlines()}
    return sorted(names & set(HEAVY))


if __name__ == "__main__":
    main()
