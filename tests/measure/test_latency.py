from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.devices.host import usable_cpus
from edgecnn.devices.local import LocalDevice
from edgecnn.measure.latency import Latency, compare_latency, measure_latency, pinned_cpus
from tests import tiny_models as tiny

if TYPE_CHECKING:
    from pathlib import Path


def test_two_sessions_in_turns(tmp_path: Path) -> None:
    device, cpus = LocalDevice(), pinned_cpus(1)
    float_file = tiny.write_tflite(tmp_path / "float.tflite", quantized=False)
    int8_file = tiny.write_tflite(tmp_path / "int8.tflite", quantized=True)
    with (
        device.open("litert", int8_file, log=tmp_path / "a.log", cpus=cpus) as candidate,
        device.open("litert", float_file, log=tmp_path / "b.log", cpus=cpus) as baseline,
    ):
        compared = compare_latency(candidate, baseline, rounds=6, round_seconds=0.01)
        alone = measure_latency(candidate, seconds=0.01)
    assert compared.rounds == 6
    assert 0 < compared.low <= compared.high
    assert 0 < compared.candidate.min_ns <= compared.candidate.p50_ns <= compared.candidate.p90_ns
    assert compared.candidate.iterations % 6 == 0
    assert compared.host.cores == len(usable_cpus())
    assert alone.iterations >= 1
    assert json.loads(json.dumps(compared.to_json()))["ratio"] == compared.ratio


def test_summary_of_times() -> None:
    summary = Latency.of(np.arange(1, 102, dtype=np.int64))
    assert (summary.iterations, summary.p50_ns, summary.p90_ns, summary.min_ns) == (101, 51.0, 91.0, 1.0)


def test_pinned_cpus_are_usable() -> None:
    assert set(pinned_cpus(1)) <= set(usable_cpus())
    assert len(pinned_cpus(1)) == 1
    assert pinned_cpus(10_000) == usable_cpus()
