"""Files that earlier versions wrote still open, and are written again as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgecnn.core.store.baseline import read_baseline
from edgecnn.core.store.manifest import Manifest

GOLDEN = Path(__file__).parent / "golden"
MANIFESTS = sorted(GOLDEN.glob("manifest-*.json"))


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_opens_and_is_written_as_it_was(path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    manifest = Manifest.model_validate(data)
    assert json.loads(manifest.model_dump_json()) == data


def test_a_baseline_opens() -> None:
    baseline = read_baseline(GOLDEN / "baseline.yaml")
    assert sorted(baseline.targets) == ["onnx-fp32", "onnx-int8"]
    assert baseline.targets["onnx-int8"].measured["size"] == 291_375
