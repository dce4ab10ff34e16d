import json

import pytest

from edgecnn.backends.npu_report import Estimate, LayerCost, NpuReport, Partition
from edgecnn.core.errors import InputError


def layer(name: str, cycles: int, *, on_npu: bool = True, utilization: float = 0.9, **busy: int) -> LayerCost:
    if not on_npu:
        return LayerCost(name, "Conv2D", on_npu, 1000)
    return LayerCost(name, "Conv2D", on_npu, 1000, cycles, busy or {"compute": cycles}, utilization, 4096)


def report(*layers: LayerCost) -> NpuReport:
    cpu = sum(not item.on_npu for item in layers)
    return NpuReport(
        compiler="vela",
        version="5.2.0",
        partition=Partition(len(layers), cpu, ("SELECT",) * bool(cpu), 0.9, 0.8, 1),
        estimate=Estimate(
            "ethos-u55-128",
            "S, M, 500 MHz",
            layers,
            sum(item.cycles or 0 for item in layers),
            1.5,
            1000,
            0,
            2000,
        ),
        compiled_bytes=3000,
    )


def test_coverage_is_the_lesser_of_operators_and_macs() -> None:
    assert report(layer("a", 5)).partition.npu_coverage == 0.8


def test_the_layers_to_change_first_are_those_off_the_npu_then_the_dearest() -> None:
    made = report(
        layer("small", 5),
        layer("flash", 50, compute=10, flash=50),
        layer("cpu", 0, on_npu=False),
        layer("idle", 90, utilization=0.1),
    )
    found = made.to_change()
    assert [item.name for item, _ in found] == ["cpu", "idle", "flash"]
    assert "runs on the CPU" in found[0][1]
    assert "uses 10% of the MAC units" in found[1][1]
    assert "waits for flash" in found[2][1]


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
