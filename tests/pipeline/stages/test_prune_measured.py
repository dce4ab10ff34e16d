"""Stage ``prune-measured``: what is reused after a kill, what counts as the file's size, and what is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgecnn.core.documents.pruning import PruningProbe
from edgecnn.core.store.digest import digest_files
from edgecnn.core.store.sums import write_sums
from edgecnn.pipeline.stages import prune_measured
from edgecnn.pipeline.stages.benchmark import BenchmarkParameters
from edgecnn.pipeline.stages.prune_measured import MeasuredParameters, measured_stage
from edgecnn.pipeline.stages.quantize import NOTES, QuantizeParameters
from tests.support.stages import context

TIMING = BenchmarkParameters(
    format="tflite", runtime="litert", threads=1, seconds=1.0, processes=1, cpu="any"
)


def parameters(timing: BenchmarkParameters | None = None) -> MeasuredParameters:
    return MeasuredParameters(
        goal="size" if timing is None else "latency",
        limit=1000,
        part=1.0,
        target="tflite-int8",
        file=QuantizeParameters(format="tflite", precision="int8", isa="any", options={}),
        timing=timing,
        importance="l2",
        scope="global",
        multiple=8,
    )


def bench(folder: Path, timing: BenchmarkParameters | None = None) -> prune_measured._Bench:
    return prune_measured._Bench({}, parameters(timing), context(folder))


def test_a_probe_of_before_a_kill_is_read_and_not_made_again(tmp_path: Path) -> None:
    """Without the record the stage would look for a checkpoint, and none is given."""
    measuring = bench(tmp_path)
    folder = measuring.folder(1 / 3)
    folder.mkdir()
    earlier = PruningProbe(asked=0.333333, share=0.32, value=900.0, at_least=False)
    (folder / "probe.json").write_text(earlier.model_dump_json())
    write_sums(folder, digest_files(folder))
    assert measuring.probe(1 / 3) == earlier
    with pytest.raises(KeyError, match="checkpoint"):
        measuring.probe(0.5)
    (folder / "probe.json").write_text(earlier.model_dump_json().replace("900", "901"))
    with pytest.raises(KeyError, match="checkpoint"):
        measuring.probe(1 / 3)


def test_notes_of_the_quantizer_do_not_count_as_bytes_of_the_model(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.mkdir()
    for name, size in {"model.xml": 30, "model.bin": 500, NOTES: 7000}.items():
        (file / name).write_bytes(bytes(size))
    assert bench(tmp_path / "stage").value(file) == 530


def test_the_unpruned_network_is_the_unit_of_a_latency(tmp_path: Path) -> None:
    measuring = bench(tmp_path, TIMING)
    assert measuring.value(measuring.context.scratch / "whole" / "file") == 1.0


@pytest.mark.parametrize(
    ("timing", "limit", "value", "said"),
    [
        (None, 1000.0, 1500.0, r"size 1 kB of tflite-int8 cannot be reached .* 0.10 .* it is 1.5 kB"),
        (TIMING, 0.5, 0.625, r"latency 0.50 of tflite-int8 cannot be reached .* 0.10 .* it is 0.62"),
    ],
)
def test_a_goal_out_of_reach_is_told_with_the_nearest_value(
    timing: BenchmarkParameters | None, limit: float, value: float, said: str
) -> None:
    probes = [
        PruningProbe(asked=share, share=share, value=times * value, at_least=share < 0.2)
        for share, times in ((0.5, 2.0), (0.1, 1.0), (0.3, 1.5))
    ]
    error = prune_measured._unreachable(parameters(timing), limit, probes)
    assert re.search(said, error.message), error.message
    assert "prune.multiple, which is 8" in str(error.hint)


def test_the_stage_depends_on_what_makes_and_what_times_the_file() -> None:
    size, latency = (set(measured_stage(parameters(timing)).packages) for timing in (None, TIMING))
    assert {"torch", "torch-pruning", "litert-torch", "ai-edge-quantizer"} <= size
    assert "ai-edge-litert" in latency
