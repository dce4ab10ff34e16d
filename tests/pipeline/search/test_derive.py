from pathlib import Path
from typing import Any

import pytest
import yaml

from edgecnn.core.config.pipeline import Pipeline
from edgecnn.core.config.search import Quantization
from edgecnn.core.documents.search import Combination, Space
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.search import derive
from edgecnn.pipeline.search.space import space_of

PIPELINE = """\
name: mine
model: {name: "zoo:mobilenetv2", arguments: {width: 1.0, head: 64}}
preprocessing: {height: 64, width: 96, resize: squash}
data: {root: photos, calibration: {count: 24}}
train:
  epochs: 9
  warmup_epochs: 1.5
  optimizer: {lr: 0.01}
  ema: 0.99
  augment: {flip: true, boxes: {plain_epochs: 3}}
  transfer: {frozen: [features], unfreeze: {3: [features.1], 8: [features.2]}}
targets:
  onnx-fp32:
  onnx-int8: {quantize: {ranges: mse}, verification: {task_drop: 5 %}}
  openvino-int8: {quantize: {method: adaround}}
budgets:
  "*": {accuracy_drop: 2 %, unpruned_drop: 3 %}
  onnx-fp32: {size: 1 MB}
  onnx-int8: {size: 160 kB, transposes: 9}
search:
  budgets: {"*": {accuracy_drop: 1 %, size: 500 kB}}
  quantization: [int8, fp32, qat]
"""
INT8 = Combination(width=0.5, height=48, quantization="int8")
FLOORS = {"onnx-fp32": 0.8, "onnx-int8": 0.8, "openvino-int8": 0.8}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    file = tmp_path / "mine.yaml"
    file.write_text(PIPELINE)
    return load_pipeline(str(file))


@pytest.fixture
def space(pipeline: Pipeline) -> Space:
    return space_of(pipeline)


def written(content: dict[str, Any], folder: Path) -> Pipeline:
    file = folder / "written.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_pipeline(str(file))


@pytest.mark.parametrize("name", ["quickstart", "mobilenetv3", "detector"])
def test_a_pipeline_survives_being_written_as_a_document(name: str, tmp_path: Path) -> None:
    pipeline = load_pipeline(name)
    again = written(derive.document(pipeline.spec), tmp_path)
    unsearched = pipeline.spec.model_copy(update={"search": None, "extends": None})
    assert again.spec == unsearched
    assert again.targets == pipeline.targets


def test_one_dataset_in_place_of_two_stays_one(pipeline: Pipeline, tmp_path: Path) -> None:
    assert written(derive.document(pipeline.spec), tmp_path).spec.data == pipeline.spec.data


def test_what_is_extended_is_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "child.yaml").write_text("name: child\nextends: quickstart\ntrain: {epochs: 1}\n")
    child = load_pipeline("child.yaml")
    again = written(derive.document(child.spec), tmp_path)
    assert again.spec.train == child.spec.train
    assert again.spec.extends is None


def test_a_combination_changes_width_input_and_quantization_only(pipeline: Pipeline, space: Space) -> None:
    found = derive.as_pipeline(derive.final(pipeline, space, INT8, FLOORS))
    assert found.spec.model.arguments == {"width": 0.5, "head": 64}
    assert (found.spec.preprocessing.height, found.spec.preprocessing.width) == (48, 72)
    assert found.spec.preprocessing.resize == "squash"
    assert found.spec.train == pipeline.spec.train
    assert {target.precision for target in found.targets.values()} == {"int8"}
    assert found.targets["onnx-int8"].quantize.ranges == "mse"
    assert found.targets["openvino-int8"].quantize.method == "adaround", "int8 is the target's own way"
    assert found.targets["onnx-int8"].verification.task_drop == 0.05


def test_what_is_as_the_pipeline_has_it_is_the_same_to_the_store() -> None:
    quickstart = load_pipeline("quickstart")
    same = Combination(width=1.0, height=28, quantization="fp32")
    found = derive.as_pipeline(derive.sketch(quickstart, space_of(quickstart), same, 3)).spec
    assert found.model == quickstart.spec.model
    assert found.preprocessing == quickstart.spec.preprocessing


@pytest.mark.parametrize(
    ("quantization", "precision", "method"), [("fp32", "fp32", "auto"), ("qat", "int8", "qat")]
)
def test_quantization_is_a_precision_or_a_rung(
    quantization: Quantization, precision: str, method: str, pipeline: Pipeline, space: Space
) -> None:
    found = derive.as_pipeline(
        derive.final(pipeline, space, Combination(width=None, height=None, quantization=quantization), FLOORS)
    )
    target = found.targets["onnx-int8"]
    assert (target.precision, target.quantize.method) == (precision, method)
    assert found.spec.model == pipeline.spec.model


def test_budgets_of_the_search_are_laid_over_the_pipelines_own(pipeline: Pipeline, space: Space) -> None:
    found = derive.as_pipeline(derive.final(pipeline, space, INT8, FLOORS))
    given = found.targets["onnx-int8"].budgets.given()
    assert given["size"] == 500_000
    assert given["accuracy"] == 0.8
    assert given["accuracy_drop"] == 0.02
    assert given["transposes"] == 9


def test_a_sketch_is_trained_for_its_share_and_has_no_budgets(pipeline: Pipeline, space: Space) -> None:
    found = derive.as_pipeline(derive.sketch(pipeline, space, INT8, 3))
    train = found.spec.train
    assert train is not None
    assert (train.epochs, train.warmup_epochs) == (3, 0.5)
    assert train.augment.boxes.plain_epochs == 1
    assert train.augment.flip
    assert train.transfer.unfreeze == {1: ("features.1",)}
    assert train.optimizer.lr == 0.01
    assert found.spec.budgets == {}


def test_two_layers_that_are_unfrozen_at_once_are_both_unfrozen(pipeline: Pipeline, space: Space) -> None:
    train = derive.as_pipeline(derive.sketch(pipeline, space, INT8, 2)).spec.train
    assert train is not None
    assert train.transfer.unfreeze == {1: ("features.1",)}, "what comes after the last epoch is left out"


PRUNED = Combination(width=None, height=None, quantization="int8", macs=0.4)


def test_pruning_is_added_and_trained_on_for_as_long_again(pipeline: Pipeline, space: Space) -> None:
    found = derive.as_pipeline(derive.final(pipeline, space, PRUNED, FLOORS)).spec.prune
    assert found is not None
    assert (found.macs, found.epochs, found.lr, found.ema) == (0.4, 9, 0.005, 0.99)
    sketched = derive.as_pipeline(derive.sketch(pipeline, space, PRUNED, 3)).spec.prune
    assert sketched is not None
    assert (sketched.macs, sketched.epochs) == (0.4, 3)
    unpruned = derive.as_pipeline(derive.final(pipeline, space, INT8, FLOORS))
    assert unpruned.spec.prune is None


def test_a_pipelines_own_way_of_pruning_is_kept_with_another_goal(tmp_path: Path) -> None:
    file = tmp_path / "pruned.yaml"
    section = "{params: 0.7, scope: local, importance: l2, steps: 3, step_epochs: 2, epochs: 9, distill: {}}"
    file.write_text(f"{PIPELINE}prune: {section}\n")
    pipeline = load_pipeline(str(file))
    space = space_of(pipeline)
    whole = derive.as_pipeline(derive.final(pipeline, space, PRUNED, FLOORS)).spec.prune
    assert whole is not None
    assert (whole.goal, whole.macs, whole.scope, whole.steps) == ("macs", 0.4, "local", 3)
    unpruned = derive.as_pipeline(derive.final(pipeline, space, INT8, FLOORS))
    assert unpruned.spec.prune is None
    assert unpruned.targets["onnx-int8"].budgets.unpruned_drop is None, "nothing was pruned"
    sketched = derive.as_pipeline(derive.sketch(pipeline, space, PRUNED, 3)).spec.prune
    assert sketched is not None
    assert (sketched.epochs, sketched.steps) == (3, 1), "three epochs leave no time for three steps"
    assert derive.as_pipeline(derive.original(pipeline, space, 9)).spec.prune is None
    cost = derive.as_pipeline(derive.untrained(pipeline, space, PRUNED)).spec
    assert cost.prune is not None
    assert (cost.prune.macs, cost.prune.epochs, cost.prune.distill) == (0.4, 0, None)
    assert cost.data.limit == 24


def test_the_original_is_the_pipeline_without_budgets(pipeline: Pipeline, space: Space) -> None:
    found = derive.as_pipeline(derive.original(pipeline, space, 9))
    assert found.spec.model == pipeline.spec.model
    assert found.spec.train == pipeline.spec.train
    assert found.spec.budgets == {}
