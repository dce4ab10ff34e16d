"""Tests of keys: their dependencies, and old keys that must stay so that finished steps are found."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgecnn.core.computing import compute_threads
from edgecnn.core.errors import MissingDependency
from edgecnn.core.store.digest import digest_json
from edgecnn.pipeline.keys import package_versions
from edgecnn.pipeline.stages.base import parameters_json
from edgecnn.pipeline.stages.calibrate import PROBE
from tests.support.plans import keys, plan_builtin

# Stage, version and parameters of steps, as version 0.1.0 had them in November 2026.
QUICKSTART = {
    "network": "d6256f13b2f5",  # version 3: networks of ONNX files are read anew
    "contract": "fbb515755fee",  # version 3: it writes the task beside the contract
    "calibration": "c7cabd5ddaba",
    "train": "5517257d8bf8",
    "probe": "e05323cdca22",
    "reference": "bda6fb8f59b9",
    "lower:onnx": "026dda18fab6",
    "lower:tflite": "176509d341c5",
    "lower:openvino": "c379155201c6",
    "quantize:onnx-int8": "33c5a6c0a3b9",
    "quantize:tflite-int8": "25d6ba57f65b",
    "quantize:tflite-fp16": "9c221628f5f6",
    "quantize:openvino-int8": "ac7141c25bc6",
    "inspect:onnx-int8": "cffcdaf80d72",
}
PRUNED = {
    "prune-images": "49237a465418",
    "prune:1": "3c94d2f8d596",
    "finetune:1": "3a86d510f744",
    "prune:2": "4d273254be08",
    "finetune:2": "d494a77cb7e7",
    "prune-control": "5d3c77f06527",
    "pruned": "e4ee94f64aba",
}


@pytest.mark.parametrize(("name", "known"), [("quickstart", QUICKSTART), ("pruned", PRUNED)])
def test_steps_have_the_keys_that_they_had(
    name: str, known: dict[str, str], picture_folder: Path, boxes_folder: Path
) -> None:
    steps = {step.id: step for step in plan_builtin(name, picture_folder, boxes_folder).steps}
    digests = {
        step: digest_json(
            {
                "stage": steps[step].stage.name,
                "version": steps[step].stage.version,
                "parameters": parameters_json(steps[step].parameters),
            }
        )[:12]
        for step in known
    }
    assert digests == known, "what a user has in the store would be made again"


def test_a_changed_parameter_changes_its_own_key_alone(picture_folder: Path, boxes_folder: Path) -> None:
    before = keys(plan_builtin("quickstart", picture_folder, boxes_folder))
    after = keys(plan_builtin("quickstart", picture_folder, boxes_folder, "train.epochs=2"))
    assert {step for step in before if before[step] != after[step]} == {"train"}


def test_the_number_of_threads_changes_the_keys_of_what_trains(
    picture_folder: Path, boxes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append(keys(plan_builtin("pruned", picture_folder, boxes_folder)))
    changed = {step for step in found[0] if found[0][step] != found[1][step]}
    assert {"train", "prune:1", "finetune:1", "prune-control"} <= changed
    assert not {"network", "prepare:train", "calibration", "reference", "lower:onnx"} & changed
    monkeypatch.setenv("OMP_NUM_THREADS", "2,1")
    assert keys(plan_builtin("pruned", picture_folder, boxes_folder)) == found[1]


def test_the_usual_number_of_threads_is_that_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    usual = compute_threads()
    assert 1 <= usual <= len(os.sched_getaffinity(0))
    for nonsense in ("", "0", "-1", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", nonsense)
        assert compute_threads() == usual


def test_no_more_threads_are_asked_for_than_openmp_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    for limit, threads in (("1", 1), ("3", 3), ("9", 4), ("0", 4), ("many", 4)):
        monkeypatch.setenv("OMP_THREAD_LIMIT", limit)
        assert compute_threads() == threads


@pytest.mark.parametrize(
    "variable",
    ["ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR", "GLIBC_TUNABLES"],
)
def test_variables_that_choose_other_kernels_change_all_keys(
    picture_folder: Path, boxes_folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    before = keys(plan_builtin("quickstart", picture_folder, boxes_folder))
    monkeypatch.setenv(variable, "AVX2")
    after = keys(plan_builtin("quickstart", picture_folder, boxes_folder))
    assert not set(before.values()) & set(after.values())


def test_training_ends_where_openmp_starts_a_single_thread() -> None:
    code = """
import torch
from edgecnn.core.computing import compute_threads
torch.set_num_threads(compute_threads())
network = torch.nn.Conv2d(3, 16, 3)
network(torch.randn(64, 3, 32, 32)).sum().backward()
print(torch.get_num_threads())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "1"


def test_a_package_that_is_not_installed_is_named_with_its_extra() -> None:
    with pytest.raises(MissingDependency, match="no-such-package") as caught:
        package_versions(replace(PROBE, packages=("no-such-package",)))
    assert caught.value.hint == "pip install 'edgecnn[all]'"
