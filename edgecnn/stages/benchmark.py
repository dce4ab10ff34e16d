"""Stage ``benchmark``: the target's file and its format's float32 file take turns on the same CPUs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edgecnn.devices.local import LocalDevice
from edgecnn.formats.registry import model_file
from edgecnn.measure.latency import compare_latency, pinned_cpus
from edgecnn.stages.base import Context, Inputs, Stage

RESULT = "latency.json"


@dataclass(frozen=True)
class BenchmarkParameters:
    """How latency is compared.

    Attributes:
        format: Format of the files.
        runtime: Runtime that executes them.
        threads: Threads of one inference.
        rounds: How often the two take turns.
        milliseconds: Length of one turn.
        cpu: Name of this machine's CPU: a time measured on another one is not reused.
    """

    format: str
    runtime: str
    threads: int
    rounds: int
    milliseconds: float
    cpu: str


def run(inputs: Inputs, parameters: BenchmarkParameters, context: Context) -> None:
    """Write both latencies and their ratio, with its interval, to ``latency.json``."""
    files = [model_file(inputs[name], parameters.format) for name in ("model", "baseline")]
    cpus = pinned_cpus(parameters.threads)
    device = LocalDevice()
    options: dict[str, Any] = {"log": context.log, "threads": parameters.threads, "cpus": cpus}
    with (
        device.open(parameters.runtime, files[0], **options) as candidate,
        device.open(parameters.runtime, files[1], **options) as baseline,
    ):
        ratio = compare_latency(
            candidate,
            baseline,
            rounds=parameters.rounds,
            round_seconds=parameters.milliseconds / 1e3,
        )
    document = {"threads": parameters.threads, "baseline": "the format's float32 file", **ratio.to_json()}
    (context.out / RESULT).write_text(json.dumps(document), encoding="utf-8")


BENCHMARK = {
    "onnxruntime": Stage("benchmark", 1, run, ("onnxruntime",)),
    "litert": Stage("benchmark", 1, run, ("ai-edge-litert",)),
    "tflite-runtime": Stage("benchmark", 1, run, ("tflite-runtime",)),
    "openvino": Stage("benchmark", 1, run, ("openvino",)),
}
