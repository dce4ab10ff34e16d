"""Bill of materials and model card, read back by the tools that they are written for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from edgecnn.core.documents.package import PackageResult
from edgecnn.tasks.registry import task_of
from tests.packaging.conftest import METRICS
from tests.support.archives import read_archive
from tests.support.tiny_run import write_artifact


@pytest.fixture(scope="module")
def members(raspberry: PackageResult) -> dict[str, bytes]:
    return read_archive(raspberry.paths[0])


def test_the_bill_of_materials_is_valid(members: dict[str, bytes]) -> None:
    text = members["tiny/sbom.cdx.json"].decode()
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert error is None, error
    document = json.loads(text)
    names = {item["name"] for item in document["components"]}
    assert {"tiny-model", "edgecnn.ondevice", "numpy", "pillow", "ai-edge-litert", "tflite-runtime"} == names
    assert document["metadata"]["component"]["purl"] == "pkg:pypi/tiny@1.0.0"


def test_the_hub_reads_the_model_card(members: dict[str, bytes], tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    (tmp_path / "card.md").write_bytes(members["tiny/MODEL_CARD.md"])
    card = ModelCard.load(tmp_path / "card.md")
    (result,) = card.data.eval_results
    assert result.metric_value == METRICS.value
    assert card.data.pipeline_tag == "image-classification"
    assert "| top1 | 90.00 % | 91.00 % | 1000 | fashion-mnist:test |" in card.text


def test_provenance_holds_source_data_metrics_and_licences(members: dict[str, bytes]) -> None:
    manifest = json.loads(members["tiny/manifest.json"])
    found = manifest["provenance"]
    assert found["metrics"] == METRICS.to_json()
    assert found["licences"] == {"model": "NOASSERTION", "data": "MIT", "code": "Apache-2.0"}
    assert found["data"]["evaluation"]["digest"] == "same images"
    assert set(manifest["files"]) == {
        name.removeprefix("tiny/")
        for name in members
        if name.startswith("tiny/") and name != "tiny/manifest.json"
    }


def test_an_artifact_that_was_never_evaluated_says_so(tmp_path: Path) -> None:
    from edgecnn.packaging.card import model_card
    from edgecnn.packaging.provenance import Licences

    artifact = write_artifact(tmp_path / "a", "tflite-int8")
    text = model_card(
        "tiny", "1.0.0", task_of(artifact.manifest.task), artifact, Licences.of(artifact, "Apache-2.0", None)
    ).decode()
    assert "was not measured" in text
    assert "model-index" not in text
    assert "license: apache-2.0" in text
