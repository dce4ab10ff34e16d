"""``edgecnn diagnose`` on artifacts of a real run, and everything that can be given to it wrongly."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import edgecnn
from edgecnn.backends.targets import load_target
from edgecnn.core.documents.diagnosis import Diagnosis
from edgecnn.core.errors import EdgecnnError, InputError, UsageError
from edgecnn.core.store.manifest import NAME, Artifact
from edgecnn.core.store.store import Store
from edgecnn.pipeline.run import RunResult
from edgecnn.ui.report.diagnosis import snippet

IMAGES = 6


def artifact(finished: RunResult, name: str) -> Path:
    return finished.directory / "artifacts" / name


def float_file(finished: RunResult, home: Path, name: str) -> Path:
    """Return the float file that an artifact was quantized from, in the store."""
    origin = Artifact.open(artifact(finished, name)).manifest.source.float_file
    assert origin is not None
    entry = Store(home / "store").get(origin.key)
    assert entry is not None
    return next(path for path in sorted(entry.outputs.iterdir()) if path.suffix != ".bin")


@pytest.fixture(scope="module")
def found(
    finished: RunResult, photos: Path, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Diagnosis:
    """A diagnosis of the ONNX artifact, with its report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(home))
        out = tmp_path_factory.mktemp("report")
        told: list[tuple[int, int, str]] = []
        result: Diagnosis = edgecnn.diagnose(
            artifact(finished, "onnx-int8"),
            str(photos),
            images=IMAGES,
            out=out,
            progress=lambda *state: told.append(state),
        )
        assert told[-1] == (len(result.layers), len(result.layers), "comparing layers")
        document = json.loads((out / "diagnosis.json").read_text())
        assert document == json.loads(json.dumps(result.to_json()))
        assert result.headline[1:] in (out / "diagnosis.md").read_text()
        assert (out / "diagnosis.svg").read_text().count("<circle") == 2 * len(result.layers)
        return result


def test_every_layer_of_the_network_is_in_the_diagnosis_by_its_own_name(
    found: Diagnosis, finished: RunResult, home: Path
) -> None:
    assert found.target == "onnx-int8"
    assert found.images == IMAGES
    modules = {layer.module for layer in found.layers if layer.weights is not None}
    assert {"features.0.0", "classifier.1"} <= modules
    assert None not in modules
    assert found.whole.float_top1 is not None, "the photos have labels"
    assert sum(layer.effect_share for layer in found.layers) == pytest.approx(1.0)
    effects = [layer.effect_sqnr_db for layer in found.layers]
    assert effects == sorted(effects)


@pytest.mark.parametrize("name", ["tflite-int8", "openvino-int8"])
def test_the_other_formats_are_diagnosed_alike(finished: RunResult, photos: Path, name: str) -> None:
    result = edgecnn.diagnose(artifact(finished, name), str(photos), images=IMAGES)
    assert not [layer.problem for layer in result.layers if layer.problem]
    assert "classifier.1" in {layer.module for layer in result.layers}


def test_a_plain_file_needs_its_float_file_and_its_contract(
    finished: RunResult, photos: Path, home: Path, found: Diagnosis
) -> None:
    model = artifact(finished, "onnx-int8") / "model.onnx"
    with pytest.raises(UsageError, match="is no artifact") as caught:
        edgecnn.diagnose(model, str(photos))
    assert "--contract" in (caught.value.hint or "")
    result = edgecnn.diagnose(
        model,
        str(photos),
        images=IMAGES,
        float_file=float_file(finished, home, "onnx-int8"),
        contract=artifact(finished, "onnx-int8") / NAME,
    )
    assert result.target is None
    assert result.whole == found.whole
    for wrong in (photos / "bars" / "00.png", photos / "nowhere.json"):
        with pytest.raises(InputError, match=r"is not a preprocessing contract|nowhere\.json cannot be read"):
            edgecnn.diagnose(model, str(photos), float_file=model, contract=wrong)


@pytest.mark.parametrize(
    "fix",
    [
        {"quantize": {"ranges": "extremes"}},
        {"quantize": {"ranges": "search"}},
        {"quantize": {"method": "equalize"}},
        {"quantize": {"float_layers": ["features.0.0"]}},
        {"isa": "x86-64-avx2"},
    ],
)
def test_the_suggested_change_is_one_that_a_target_takes(found: Diagnosis, fix: dict[str, object]) -> None:
    """Every change that a cause suggests; which of them a run needs depends on what it learnt on this CPU."""
    first, *others = found.layers
    whole = found.whole.model_copy(update={"sqnr_db": 9.0})
    layers = (first.model_copy(update={"fix": fix}), *others)
    worst = found.model_copy(update={"whole": whole, "layers": layers})
    text = snippet(worst)
    assert text is not None
    (change,) = yaml.safe_load(text)["targets"].values()
    target = load_target("onnx-int8").model_dump(exclude_defaults=True)
    quantize = {**target.get("quantize", {}), **change.get("quantize", {})}
    type(load_target("onnx-int8")).model_validate({**target, **change, "quantize": quantize})


def test_an_artifact_that_is_not_int8_is_refused(finished: RunResult, photos: Path) -> None:
    for name in ("onnx-fp32", "tflite-fp16"):
        with pytest.raises(InputError, match="only an int8 artifact"):
            edgecnn.diagnose(artifact(finished, name), str(photos))


def test_a_cleaned_store_asks_for_the_float_file(
    finished: RunResult, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "empty"))
    with pytest.raises(InputError, match="the store no longer has the float file") as caught:
        edgecnn.diagnose(artifact(finished, "onnx-int8"), str(photos))
    assert "--float" in (caught.value.hint or "")


@pytest.mark.parametrize("source", [None, {"key": "../../etc", "digest": "x"}])
def test_a_manifest_that_does_not_say_where_it_came_from(
    finished: RunResult, photos: Path, tmp_path: Path, source: object
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(artifact(finished, "onnx-int8"), copy)
    document = json.loads((copy / NAME).read_text())
    del document["source"]["float"]
    document.pop("manifest_digest")
    if source is not None:
        document["source"]["float"] = source
    (copy / NAME).write_text(json.dumps(document))
    with pytest.raises(InputError, match="float file") as caught:
        edgecnn.diagnose(copy, str(photos))
    assert "--float" in (caught.value.hint or "")


def test_a_manifest_whose_float_file_is_no_object_names_the_field(
    finished: RunResult, photos: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(artifact(finished, "onnx-int8"), copy)
    document = json.loads((copy / NAME).read_text())
    document["source"]["float"] = 7
    (copy / NAME).write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"source\.float: ") as caught:
        edgecnn.diagnose(copy, str(photos))
    assert NAME in caught.value.message


def test_wrong_float_files_are_refused(finished: RunResult, photos: Path, home: Path, tmp_path: Path) -> None:
    right = float_file(finished, home, "onnx-int8")
    (tmp_path / "short.onnx").write_bytes(right.read_bytes()[:2000])
    wrong: list[tuple[Path, str]] = [
        (float_file(finished, home, "tflite-int8"), "is no onnx file"),
        (tmp_path / "short.onnx", "short.onnx is not an ONNX file, or it is truncated"),
        (tmp_path / "nowhere.onnx", "there is no file"),
        (artifact(finished, "onnx-int8") / NAME, "is not a model file"),
    ]
    for path, message in wrong:
        with pytest.raises(InputError, match=message):
            edgecnn.diagnose(artifact(finished, "onnx-int8"), str(photos), images=2, float_file=path)


def test_data_that_cannot_be_used_is_refused(finished: RunResult, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for data in (tmp_path / "nowhere", tmp_path / "empty"):
        with pytest.raises(EdgecnnError, match=data.name):
            edgecnn.diagnose(artifact(finished, "onnx-int8"), str(data))


def test_images_of_another_size_than_the_files_are_refused(
    finished: RunResult, photos: Path, home: Path, tmp_path: Path
) -> None:
    model = artifact(finished, "onnx-int8")
    contract = Artifact.open(model).contract.with_size(40, 40)
    (tmp_path / "contract.json").write_text(json.dumps(contract.to_json()))
    with pytest.raises(InputError, match="the contract makes"):
        edgecnn.diagnose(
            model / "model.onnx",
            str(photos),
            images=2,
            float_file=float_file(finished, home, "onnx-int8"),
            contract=tmp_path / "contract.json",
        )


def test_the_command_line_shows_the_finding_and_the_ranking(
    finished: RunResult, photos: Path, home: Path
) -> None:
    command = [sys.executable, "-m", "edgecnn.ui.cli.main", "diagnose", str(artifact(finished, "onnx-int8"))]
    command += ["--data", str(photos), "--images", "3"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "the int8 file keeps" in shown.stdout.splitlines()[0]
    assert "suspected cause" in shown.stdout
    asked = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    document = json.loads(asked.stdout)
    assert document["headline"] == shown.stdout.splitlines()[0]
    assert {"layers", "whole", "snippet"} <= document.keys()
