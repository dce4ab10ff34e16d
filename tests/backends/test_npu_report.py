import json

import pytest

from edgecnn.core.documents.npu import Estimate, NpuLayer, NpuReport, Partition
from edgecnn.core.errors import InputError


def layer(name: str, cycles: int, *, on_npu: bool = True, utilization: float = 0.9, **busy: int) -> NpuLayer:
    if not on_npu:
        return NpuLayer(name=name, operator="Conv2D", on_npu=on_npu, macs=1000)
    return NpuLayer(
        name=name,
        operator="Conv2D",
        on_npu=on_npu,
        macs=1000,
        cycles=cycles,
        busy=busy or {"compute": cycles},
        utilization=utilization,
        memory_bytes=4096,
    )


def report(*layers: NpuLayer) -> NpuReport:
    cpu = sum(not item.on_npu for item in layers)
    partition = Partition(
        total_ops=len(layers),
        cpu_ops=cpu,
        cpu_operators=("SELECT",) * bool(cpu),
        ops_coverage=0.9,
        macs_coverage=0.8,
        subgraphs=1,
    )
    estimate = Estimate(
        accelerator="ethos-u55-128",
        configuration="S, M, 500 MHz",
        layers=layers,
        cycles=sum(item.cycles or 0 for item in layers),
        milliseconds=1.5,
        sram_bytes=1000,
        dram_bytes=0,
        flash_bytes=2000,
    )
    return NpuReport.of("vela", "5.2.0", partition, estimate, compiled_bytes=3000)


def test_coverage_is_the_lesser_of_operators_and_macs() -> None:
    assert report(layer("a", 5)).npu_coverage == 0.8


def test_the_layers_to_change_first_are_those_off_the_npu_then_the_dearest() -> None:
    made = report(
        layer("small", 5),
        layer("flash", 50, compute=10, flash=50),
        layer("cpu", 0, on_npu=False),
        layer("idle", 90, utilization=0.1),
    )
    found = made.to_change
    assert [item.layer for item in found] == ["cpu", "idle", "flash"]
    assert "runs on the CPU" in found[0].why
    assert "uses 10% of the MAC units" in found[1].why
    assert "waits for flash" in found[2].why


def test_json_has_what_readers_look_for_on_top_and_reads_back() -> None:
    made = report(layer("a", 5), layer("b", 7, compute=2, SRAM=7))
    document = json.loads(json.dumps(made.to_json()))
    assert (document["npu_coverage"], document["cycles"]) == (0.8, 12)
    assert (document["cpu_ops"], document["sram_bytes"]) == (0, 1000)
    assert [item["bound"] for item in document["layers"]] == ["compute", "SRAM"]
    assert "no silicon was involved" in document["figures"]
    assert NpuReport.from_json(document) == made


@pytest.mark.parametrize("change", [{"schema": 99}, {"layers": [{}]}, {"cpu_operators": None}])
def test_a_report_of_another_version_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="NPU report"):
        NpuReport.from_json({**report(layer("a", 5)).to_json(), **change})
