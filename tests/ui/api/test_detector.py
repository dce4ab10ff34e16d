"""A detector from photos with boxes to an int8 file that is held to average precision."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import edgecnn
from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.manifest import Artifact
from edgecnn.pipeline.run import RunResult
from edgecnn.tasks.detection.task import DetectionTask
from edgecnn.tasks.registry import task_of
from edgecnn.ui.report.markdown import run_markdown
from tests.support import boxes_data

PIPELINE = """\
name: boxes
model: {{name: "zoo:yolo-nano", arguments: {{width: 0.25}}}}
preprocessing: {{height: 64, width: 64}}
data: {{root: "{photos}", calibration: {{count: 16}}}}
train:
  {{epochs: 6, batch_size: 12, batch_norm_momentum: 0.2, optimizer: {{lr: 0.004}}, augment: {{flip: true}}}}
verification: {{images: 4}}
benchmark: null
targets: [onnx-int8]
budgets: {{"*": {{ap50_drop: 60 %}}}}
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boxes_data.write_voc(tmp_path_factory.mktemp("boxes") / "data", 60)


@pytest.fixture(scope="module")
def run_of_boxes(dataset: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("run")
    (folder / "boxes.yaml").write_text(PIPELINE.format(photos=dataset), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(home))
        result: RunResult = edgecnn.run(str(folder / "boxes.yaml"), out=folder / "out")
        return result


def test_it_is_held_to_average_precision(run_of_boxes: RunResult) -> None:
    (target,) = run_of_boxes.targets
    assert target.error is None, target.error
    artifact = Artifact.open(run_of_boxes.directory / "artifacts" / "onnx-int8")
    metrics = artifact.manifest.metrics
    assert metrics is not None
    assert metrics.metric == "ap"
    assert 0.0 < metrics.value <= metrics.besides["ap50"] <= 1.0
    assert metrics.drop == pytest.approx(metrics.fp32 - metrics.value)
    low, high = metrics.drop_interval
    assert low <= metrics.drop <= high
    assert artifact.manifest.precision == "int8", artifact.manifest.inspection.float_op_names
    task = task_of(artifact.manifest.task)
    assert isinstance(task, DetectionTask)
    assert task.detector.outputs == 6
    assert {budget.name for budget in artifact.manifest.budgets} == {"ap50_drop", "integer_macs"}
    assert artifact.manifest.measured.value("ap50") == metrics.besides["ap50"]
    markdown = run_markdown(run_of_boxes.summary)
    assert "| AP50:95 | AP50 |" in markdown
    assert "| epoch | loss | AP50 | seconds |" in markdown


def test_eval_measures_and_draws(run_of_boxes: RunResult, dataset: Path, tmp_path: Path) -> None:
    artifact = run_of_boxes.directory / "artifacts" / "onnx-int8"
    result = edgecnn.evaluate(artifact, f"{dataset}@held-out", draw=tmp_path / "pictures")
    known = Artifact.open(artifact).manifest.metrics
    assert known is not None
    assert result.values == {"ap": pytest.approx(known.value), "ap50": pytest.approx(known.besides["ap50"])}
    assert result.fp32 == known.fp32
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert len(pictures) == result.n
    with Image.open(pictures[0]) as picture:
        assert picture.width == 2 * 64 + 8, "fp32 and int8 side by side"


def test_what_does_not_fit_is_said(run_of_boxes: RunResult, photos: Path) -> None:
    artifact = run_of_boxes.directory / "artifacts" / "onnx-int8"
    with pytest.raises(InputError, match="the network is a detector, but the dataset has labels only"):
        edgecnn.evaluate(artifact, str(photos))


def test_one_root_or_two_sets() -> None:
    with pytest.raises(UsageError, match="root replaces train and eval"):
        edgecnn.run("detector", ("data.root=here", "data.eval=there"))


def test_the_built_in_pipeline_asks_for_photos() -> None:
    with pytest.raises(UsageError, match=r"data.train names no dataset"):
        edgecnn.run("detector")
