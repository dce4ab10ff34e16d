from pathlib import Path

import pytest

from edgecnn.backends.targets import load_target
from edgecnn.backends.worker.isa import ISAS
from edgecnn.core.config import paths
from edgecnn.core.config.target import target_names
from edgecnn.core.errors import UsageError
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.named_things import NOT_LOOKED_AT

PIPELINE = """\
name: mine
model: {name: "zoo:mobilenetv2", arguments: {width: 0.35}}
data: {train: "fashion-mnist:train", eval: "fashion-mnist:test"}
train: {epochs: 2}
targets:
  - onnx-int8
  - tflite-int8
budgets:
  "*": {accuracy_drop: 1 %}
  tflite-int8: {size: 400 kB}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(PIPELINE)
    return tmp_path


def test_a_pipeline_resolves_its_targets_and_lays_budgets_over_theirs(folder: Path) -> None:
    pipeline = load_pipeline("mine.yaml")
    assert list(pipeline.targets) == ["onnx-int8", "tflite-int8"]
    assert pipeline.targets["tflite-int8"].budgets.given() == {
        "size": 400_000,
        "accuracy_drop": 0.01,
        "float_ops": 0,
        "transposes": 0,
    }
    assert pipeline.targets["onnx-int8"].budgets.size is None


def test_dotted_overrides_reach_every_depth(folder: Path) -> None:
    pipeline = load_pipeline(
        "mine.yaml", ("train.epochs=1", "targets.onnx-int8.threads=2", "budgets.tflite-int8.size=1 MB")
    )
    assert pipeline.spec.train is not None
    assert pipeline.spec.train.epochs == 1
    assert pipeline.targets["onnx-int8"].threads == 2
    assert pipeline.targets["tflite-int8"].budgets.size == 1_000_000


def test_targets_can_be_replaced_by_an_override(folder: Path) -> None:
    pipeline = load_pipeline("mine.yaml", ("targets=[openvino-fp16]", "budgets={}"))
    assert "openvino-fp16" in pipeline.targets


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("targets.onnx-int7=null", "unknown target 'onnx-int7'", "did you mean 'onnx-int8'?"),
        ("targets.onnx-int8.thread=2", "unknown key 'thread'", "did you mean 'threads'?"),
        ("targets.onnx-int8.isa=x86", "isa: ", None),
        (
            "budgets.onnx-int7.size=1 kB",
            "'onnx-int7' is no target of this pipeline",
            "onnx-int8, tflite-int8",
        ),
        ("budgets.onnx-int8.size=1 ms", "unit 'ms'", None),
        ("budgets.onnx-int8.size=3", "did you mean 3 MB?", None),
        ("budgets.*.accuracy=79", "did you mean 79 %?", None),
        ("budgets.*.accuracy_drop=1", "did you mean 1 %", None),
        ("targets.onnx-int8.budgets={accuracy: 79}", "did you mean 79 %?", None),
        ("targets.onnx-int8.verification={quantization_agreement: 95}", "did you mean 95 %?", None),
        ("prune={size: 300}", "did you mean 300 kB?", None),
        ("prune={macs: 50}", "did you mean 50 %?", None),
        ("prune={latency: {target: onnx-int8, ratio: 60}}", "did you mean 60 %?", None),
        ("search={budgets: {onnx-int8: {accuracy_drop: 1}}}", "did you mean 1 %", None),
        ("search={budgets: {onnx-int8: {accuracy_drop: 1 %, size: 500}}}", "did you mean 500 kB?", None),
        ("search={budgets: {onnx-int8: {accuracy_drop: 1 %}}, macs: [50]}", "did you mean 50 %?", None),
        ("train.optimizer.name=adam", "train.optimizer.name", None),
        ("name=../x", "is not a plain name", None),
        ("preprocessing.std=[0, 1, 1]", "0 is too small; it must be more than 0", None),
        ("preprocessing.height=1000000", "at most 8192", None),
        ("preprocessing.crop_fraction=2", "at most 1", None),
        ("targets.onnx-int8.format=tflite", "onnxruntime executes onnx, and the format is tflite", None),
        ("targets.onnx-int8.runtime=litert", "litert executes tflite, and the format is onnx", None),
        ("targets.onnx-int8.reference_runtime=litert", "litert executes tflite", None),
        ("name=-rf", "is not a plain name", None),
        ("name=\u0661", "is not a plain name", None),
        ("data.limit=true", "true is no number", None),
        ("train.epochs=false", "false is no number", None),
        ("train.optimizer.lr=true", "true is no number", None),
        ("targets.onnx-int8.threads=true", "true is no number", None),
        ("targets.onnx-int8={threads: no}", "threads: ", None),
        ("targets={onnx-int8: {threads: no}}", "threads: ", None),
        ("targets.onnx-int8={verification: {quantization_agreement: no}}", "quantization_agreement: ", None),
        ("targets=[onnx-int8, 3]", "a target must be a name", None),
        ("data.augment={a: 1}", "unknown key 'data.augment'", None),
        ("train={epochs: 1, optimizer: {lr: no}}", "train.optimizer.lr: ", None),
        ("model={pretrained: true}", "key 'model.name' is missing", None),
        ("model.names=x", "unknown key 'model.names'", "did you mean 'name'?"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, override: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        load_pipeline("mine.yaml", (override,))
    assert message in caught.value.message
    assert f"override {override!r}" in caught.value.message  # the file is right
    if hint is not None:
        assert hint in (caught.value.hint or "")


def test_a_key_of_a_pipeline_that_does_not_fit_a_target_is_named_in_the_pipeline(folder: Path) -> None:
    (folder / "mine.yaml").write_text(
        PIPELINE.replace("  - onnx-int8\n  - tflite-int8", "  tflite-int8: {format: onnx}")
    )
    with pytest.raises(
        UsageError, match=r"^mine\.yaml:6: runtime: litert executes tflite, and the format is onnx"
    ):
        load_pipeline("mine.yaml")


def test_all_mistakes_of_a_pipeline_and_its_targets_are_named_at_once(folder: Path) -> None:
    text = PIPELINE.replace("- onnx-int8", "- onnx-int9").replace("accuracy_drop: 1 %", "accuracy_drop: 1")
    (folder / "mine.yaml").write_text(text.replace("size: 400 kB", "size: 400, sise: 1 kB"))
    with pytest.raises(UsageError) as caught:
        load_pipeline("mine.yaml", ("train.epoch=2",))
    lines = caught.value.message.splitlines()
    assert lines.pop() == NOT_LOOKED_AT
    assert len(lines) == 5
    for said in (
        "unknown target 'onnx-int9'",
        "did you mean 1 %",
        "did you mean 400 kB?",
        "unknown key 'budgets.tflite-int8.sise'; did you mean 'size'?",
        "override 'train.epoch=2': unknown key 'train.epoch'; did you mean 'epochs'?",
    ):
        assert sum(said in line for line in lines) == 1


def test_an_unknown_target_names_the_line_of_the_pipeline(folder: Path) -> None:
    (folder / "mine.yaml").write_text(PIPELINE.replace("- onnx-int8", "- onnx-int9"))
    with pytest.raises(UsageError, match=r"mine\.yaml:6: unknown target 'onnx-int9'"):
        load_pipeline("mine.yaml")


def test_a_pipeline_extends_another(folder: Path) -> None:
    (folder / "more.yaml").write_text("extends: mine.yaml\nname: more\ntrain: {epochs: 7}\n")
    spec = load_pipeline("more.yaml").spec
    assert (spec.name, spec.train and spec.train.epochs, spec.model.name) == ("more", 7, "zoo:mobilenetv2")


def test_extending_in_a_circle_is_refused(folder: Path) -> None:
    (folder / "a.yaml").write_text("extends: b.yaml\n")
    (folder / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(UsageError, match="forms a circle: a -> b -> a"):
        load_pipeline("a.yaml")


def test_an_unknown_pipeline_names_the_nearest(folder: Path) -> None:
    with pytest.raises(UsageError, match="unknown pipeline 'quikstart'") as caught:
        load_pipeline("quikstart")
    assert caught.value.hint == "did you mean 'quickstart'?"
    with pytest.raises(UsageError, match=r"there is no file nowhere/p\.yaml"):
        load_pipeline("nowhere/p.yaml")


def test_a_users_own_target_hides_the_built_in_one(folder: Path) -> None:
    (folder / "targets").mkdir()
    (folder / "targets" / "onnx-int8.yaml").write_text("description: mine\nextends: onnx-fp32\nthreads: 4\n")
    target = load_target("onnx-int8")
    assert (target.description, target.threads, target.name) == ("mine", 4, "onnx-int8")


def test_every_built_in_target_and_pipeline_loads() -> None:
    for name in paths.available("pipelines"):
        load_pipeline(name)
    for name in target_names():
        assert load_target(name).isa in {"any", *ISAS}
