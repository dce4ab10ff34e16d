"""Count the false alarms and the missed regressions of the latency gate on a machine that is busy.

    python benchmarks/gate.py --json benchmarks/results/gate.json

Claims that this script is for, with another process loading the workers' own CPU half of the time: of 200
comparisons of a model with itself at most 2 are called a regression; of 50 comparisons each with a network
that has 5 % and 10 % more layers, 95 % and all are found; the median time to a verdict on a model of 10 ms is
under 30 s. Beside it stands what plain medians say, one model after the other, held to the same limit. With
``--count RUN`` the Arm instructions of the run's tflite-int8 file are counted in ten processes on each
emulated Raspberry Pi.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from output import print_table, write_json
from rich.console import Console

from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.store.runs import open_artifacts
from edgecnn.devices.host import host
from edgecnn.devices.local import LocalDevice
from edgecnn.devices.qemu import EmulatedDevice
from edgecnn.proof.latency.latency_test import Effort, compare_latency
from edgecnn.proof.latency.measurement import pinned_cpus, pinned_opener

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.devices.session import Session

LIMIT = 1.02
LAYERS = {"itself": 60, "5 % slower": 63, "10 % slower": 66}
CHANNELS, SIZE = 32, 28
PLAIN_ITERATIONS = 30
PROCESSES = 10


def main() -> None:
    """Compare, count, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self", type=int, default=200, dest="same", help="comparisons with itself")
    parser.add_argument("--slow", type=int, default=50, help="comparisons with each slower model")
    parser.add_argument("--quiet", action="store_true", help="without the process that loads the CPU")
    parser.add_argument("--count", type=Path, metavar="RUN", help="run whose instructions are counted")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    trials = {"itself": arguments.same, "5 % slower": arguments.slow, "10 % slower": arguments.slow}
    document: dict[str, Any] = {"host": host().to_json(), "limit": LIMIT, "loaded": not arguments.quiet}
    loader = multiprocessing.Process(target=load, args=(pinned_cpus(1)[0],), daemon=True)
    if not arguments.quiet:
        loader.start()
    try:
        document["comparisons"] = comparisons(trials)
    finally:
        if loader.is_alive():
            loader.kill()
    document["summary"] = [summary(name, document["comparisons"]) for name, count in trials.items() if count]
    print_table(document["summary"])
    if arguments.count is not None:
        document["instructions"] = instructions(arguments.count)
        print_table(document["instructions"])
    write_json(document, arguments.json)


def load(cpu: int) -> None:
    """Load one CPU half of the time, for spells of a tenth of a second to two seconds."""
    os.sched_setaffinity(0, [cpu])
    lengths = random.Random(0)  # noqa: S311 - nothing secret
    while True:
        spell = lengths.uniform(0.1, 2.0)
        end = time.monotonic() + spell
        while time.monotonic() < end:
            pass
        time.sleep(spell)


def comparisons(trials: dict[str, int]) -> list[dict[str, Any]]:
    """Compare the models in turns of kinds, so that every kind meets every hour of the machine."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="edgecnn-gate-") as scratch:
        folder = Path(scratch)
        models = {name: write_network(folder / f"{count}.onnx", count) for name, count in LAYERS.items()}
        for trial in range(max(trials.values())):
            for name in [name for name, count in trials.items() if trial < count]:
                rows.append(comparison(name, models[name], models["itself"], folder / "log", trial))
                Console(stderr=True).print(rows[-1])
    return rows


def comparison(name: str, candidate: Path, baseline: Path, log: Path, seed: int) -> dict[str, Any]:
    """Return the gate's verdict and that of plain medians."""
    one, other = opener(candidate, log), opener(baseline, log)
    found = compare_latency(one, other, limit=LIMIT, effort=Effort(seconds=30.0, seed=seed))
    return {
        "candidate": name,
        "verdict": found.verdict.value,
        "ratio": round(found.ratio, 4),
        "interval": [round(found.low, 4), round(found.high, 4)],
        "seconds": round(found.seconds, 1),
        "baseline p50 ms": round(found.baseline.p50_ns / 1e6, 2),
        "plain ratio": round(plain_median(one) / plain_median(other), 4),
    }


def opener(model: Path, log: Path) -> Callable[[], Session]:
    """Return a function that opens a model in a fresh pinned worker."""
    return pinned_opener(LocalDevice(), "onnxruntime", model, log=log)


def plain_median(model: Callable[[], Session]) -> float:
    """Return what other tools print: the median wall time of one model alone, after a fixed warm-up."""
    with model() as session:
        return float(np.median(session.time(PLAIN_ITERATIONS, warmup=5).wall_ns))


def summary(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how often a kind of candidate was called a regression, by the gate and by plain medians."""
    own = [row for row in rows if row["candidate"] == name]
    verdicts = [row["verdict"] for row in own]
    return {
        "candidate": name,
        "comparisons": len(own),
        "called a regression": verdicts.count(Verdict.FAIL.value),
        "passed": verdicts.count(Verdict.PASS.value),
        "inconclusive": verdicts.count(Verdict.INCONCLUSIVE.value),
        "median ratio": statistics.median(row["ratio"] for row in own),
        "median s": statistics.median(row["seconds"] for row in own),
        "model ms": statistics.median(row["baseline p50 ms"] for row in own),
        "plain medians: a regression": sum(row["plain ratio"] > LIMIT for row in own),
    }


def instructions(run: Path) -> list[dict[str, Any]]:
    """Count the instructions of a run's tflite-int8 file in several processes on each device."""
    artifact = open_artifacts(run)["tflite-int8"]
    rows = []
    with tempfile.TemporaryDirectory(prefix="edgecnn-gate-") as folder:
        for name in ("raspberry-pi-4", "raspberry-pi-5"):
            counted = [
                EmulatedDevice(name).count("litert", artifact.model, log=Path(folder) / "log")
                for _ in range(PROCESSES)
            ]
            medians = [found.median for found in counted]
            rows.append(
                {
                    "device": name,
                    "processes": PROCESSES,
                    "instructions": round(statistics.median(medians)),
                    "spread %": round(100 * (max(medians) - min(medians)) / min(medians), 4),
                    "counted by": counted[0].tool,
                }
            )
    return rows


def write_network(path: Path, layers: int) -> Path:
    """Write a chain of equal convolutions: its time is proportional to their number."""
    weights = np.random.default_rng(0).standard_normal((CHANNELS, CHANNELS, 3, 3)).astype(np.float32) * 0.05
    names = ["input", *(f"layer{index}" for index in range(layers))]
    nodes = [
        helper.make_node("Conv", [before, "weights"], [after], pads=[1, 1, 1, 1])
        for before, after in itertools.pairwise(names)
    ]
    shape = [1, CHANNELS, SIZE, SIZE]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


if __name__ == "__main__":
    main()
