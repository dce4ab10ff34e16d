"""Golden vectors of strangers: those that do not fit the model are refused in one line."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.ondevice.self_test import self_test
from edgecnn.ondevice.tasks.base import compared_by

GOLDEN = "golden/golden.json"


def with_golden(bundle: Path, folder: Path, **changes: object) -> Path:
    """Copy a package with changed golden vectors and the digests of these."""
    copy = Path(shutil.copytree(bundle, folder / "copy"))
    golden = json.loads((copy / GOLDEN).read_text()) | changes
    (copy / GOLDEN).write_text(json.dumps(golden))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"][GOLDEN] = hashlib.sha256((copy / GOLDEN).read_bytes()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def output_of(bundle: Path) -> dict[str, Any]:
    output: dict[str, Any] = json.loads((bundle / GOLDEN).read_text())["outputs"][0]
    return output


def test_unchanged_vectors_pass(bundle: Path, tmp_path: Path) -> None:
    found = self_test(with_golden(bundle, tmp_path))
    assert (found.passed, found.compared) == (True, "best class")


def test_a_task_of_another_package_need_not_say_what_it_compares() -> None:
    old: Any = object()
    assert compared_by(old) == "answer"


@pytest.mark.parametrize(
    "changes",
    [
        {"tolerance": 0},
        {"tolerance": -1},
        {"shape": [-1]},
        {"shape": []},
        {"shape": "more dimensions"},
        {"dtype": "uint8"},
        {"dtype": "object"},
        {"file": "../x"},
        {"file": "labels.txt"},
    ],
)
def test_an_output_that_is_not_the_models(bundle: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    output = output_of(bundle)
    if changes.get("shape") == "more dimensions":
        changes = {"shape": [math.prod(output["shape"]), 1]}
    with pytest.raises(DamagedPackage, match=r"^.+$"):
        self_test(with_golden(bundle, tmp_path, outputs=[{**output, **changes}]))


@pytest.mark.parametrize("count", [0, 2])
def test_other_numbers_of_outputs(bundle: Path, tmp_path: Path, count: int) -> None:
    with pytest.raises(DamagedPackage, match=r"no golden vectors|not those of the model"):
        self_test(with_golden(bundle, tmp_path, outputs=[output_of(bundle)] * count))
