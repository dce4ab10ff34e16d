from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.config.budget_file import load_budgets
from edgecnn.core.config.cpu_names import CORES, meant_cpu
from edgecnn.core.documents.metric import BUDGETS
from edgecnn.core.errors import UsageError
from edgecnn.devices.host import host
from edgecnn.pipeline.loading import load_pipeline

HERE = "Intel(R) Xeon(R) CPU @ 2.20GHz"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("cortx-a72", "Cortex-A72"),
        ("Cortex-A720x", "Cortex-A720"),
        ("neoverse n1", "Neoverse-N1"),
        ("Intel(R) Xeon(R) CPU  @ 2.20GHz", HERE),
        ("intel(r) xeon(r) cpu @ 2.20ghz", HERE),
        ("Intel(R) Xenon(R) CPU @ 2.20GHz", HERE),
    ],
)
def test_a_name_with_a_typing_mistake_is_noticed(name: str, meant: str) -> None:
    assert meant_cpu(name, HERE) == meant


@pytest.mark.parametrize(
    "name",
    [HERE, "Intel(R) Xeon(R) CPU @ 2.30GHz", "AMD EPYC 7B13", "Raspberry Pi 5 Model B", *CORES],
)
def test_the_name_of_another_machine_is_taken(name: str) -> None:
    assert meant_cpu(name, HERE) is None


def test_a_misnamed_cpu_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "budgets.yaml"
    file.write_text('budgets:\n  "*":\n    latency: {cortx-a72: 1 ms, Cortex-A76: 1 ms}\n    size: 3\n')
    with pytest.raises(UsageError) as caught:
        load_budgets(file, ["onnx-int8"], BUDGETS, host().cpu)
    assert "budgets.yaml:3: budgets.*.latency.cortx-a72: no CPU is called 'cortx-a72'" in caught.value.message
    assert "did you mean 3 MB?" in caught.value.message


@pytest.mark.parametrize("key", ["budgets.*.latency", "targets.onnx-int8.budgets.latency"])
def test_a_misnamed_cpu_of_a_pipeline_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match="no CPU is called 'Cortex-A67'"):
        load_pipeline("quickstart", (f"{key}={{Cortex-A67: 1 ms}}",))
