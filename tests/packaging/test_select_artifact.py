from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.backends.targets import load_target
from edgecnn.core.documents.budget import BudgetResult
from edgecnn.core.documents.link import Bound, Link
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import BudgetMissed, InputError, UsageError, VerificationFailed
from edgecnn.core.store.manifest import Artifact
from edgecnn.packaging.select_artifact import choose_artifact, fitness
from tests.support.tiny_run import inspection, write_artifact


def test_int8_tflite_is_preferred(tiny_run: Path) -> None:
    assert choose_artifact(tiny_run, "raspberry-pi").manifest.target.name == "tflite-int8"
    assert choose_artifact(tiny_run, "android").manifest.target.name == "tflite-int8"
    assert choose_artifact(tiny_run, "raspberry-pi", "onnx-fp32").manifest.target.name == "onnx-fp32"
    one = tiny_run / "artifacts" / "onnx-fp32"
    assert choose_artifact(one, "raspberry-pi").directory == one
    assert choose_artifact(one, "raspberry-pi", "onnx-fp32").directory == one


def test_a_lone_artifact_is_not_taken_for_another_target(tiny_run: Path) -> None:
    with pytest.raises(InputError, match="the artifact of target onnx-fp32, not of 'tflite-int8'"):
        choose_artifact(tiny_run / "artifacts" / "onnx-fp32", "raspberry-pi", "tflite-int8")


def test_a_run_without_a_fitting_target(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="those that ship: none"):
        choose_artifact(tmp_path, "raspberry-pi")
    write_artifact(tmp_path / "artifacts" / "onnx-fp32", "onnx-fp32")
    with pytest.raises(
        InputError, match="no target that android can execute; those that ship: onnx-fp32"
    ) as caught:
        choose_artifact(tmp_path, "android")
    assert "add tflite-int8" in (caught.value.hint or "")
    with pytest.raises(InputError, match="android does not execute onnx"):
        choose_artifact(tmp_path, "android", "onnx-fp32")


def test_a_target_that_is_not_there_or_was_rejected(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no target 'openvino-int8' that ships"):
        choose_artifact(tiny_run, "raspberry-pi", "openvino-int8")
    write_artifact(tmp_path / "rejected" / "tflite-int8", "tflite-int8")
    with pytest.raises(InputError, match=r"'tflite-int8' of .* was rejected"):
        choose_artifact(tmp_path, "raspberry-pi", "tflite-int8")
    with pytest.raises(UsageError, match="no target is called '\\.\\.'"):
        choose_artifact(tiny_run, "raspberry-pi", "..")
    with pytest.raises(UsageError, match="no packages for 'ios'"):
        choose_artifact(tiny_run, "ios")


def test_labels_that_do_not_match_the_outputs(tmp_path: Path) -> None:
    seen = inspection("tflite", "int8", outputs=[(1, 5)])
    artifact = write_artifact(tmp_path / "a", "tflite-int8", inspection=seen, classes=["one", "two"])
    with pytest.raises(InputError, match="2 labels for 5 outputs"):
        choose_artifact(artifact.directory, "raspberry-pi")
    artifact = write_artifact(tmp_path / "b", "tflite-int8", classes=["one\ntwo"])
    with pytest.raises(InputError, match="line break"):
        choose_artifact(artifact.directory, "raspberry-pi")


def test_a_model_that_misses_a_budget_or_broke_a_link_is_not_packaged(tmp_path: Path) -> None:
    missed = BudgetResult(name="size", limit=1, measured=2, verdict=Verdict.FAIL)
    broken = Link(
        number=2,
        name="quantization",
        compared="a with b",
        metrics={"sqnr_db": 1.0},
        limits={"sqnr_db": Bound(at_least=10.0)},
    )
    for folder in ("artifacts", "rejected"):
        run = tmp_path / folder / "budget"
        write_artifact(run / folder / "tflite-int8", "tflite-int8")
        _rewrite(run / folder / "tflite-int8", budgets=[missed])
        with pytest.raises(BudgetMissed, match="misses its budget: size") as caught:
            choose_artifact(run, "raspberry-pi", "tflite-int8")
        assert (caught.value.exit_code, bool(caught.value.hint)) == (3, True)
        _rewrite(run / folder / "tflite-int8", verification=[broken])
        with pytest.raises(VerificationFailed, match=r"link 2 \(quantization\) is broken") as found:
            choose_artifact(run / folder / "tflite-int8", "raspberry-pi")
        assert (found.value.exit_code, bool(found.value.hint)) == (4, True)
    # Without a name, the only target that would fit says why it was rejected.
    with pytest.raises(VerificationFailed, match=r"link 2 \(quantization\) is broken"):
        choose_artifact(tmp_path / "rejected" / "budget", "raspberry-pi")
    _rewrite(tmp_path / "rejected" / "budget" / "rejected" / "tflite-int8", verification=[], budgets=[missed])
    with pytest.raises(VerificationFailed, match="was not proven"):
        choose_artifact(tmp_path / "rejected" / "budget", "raspberry-pi")


def test_targets_that_were_rejected_and_would_not_fit_are_listed(tmp_path: Path) -> None:
    write_artifact(tmp_path / "rejected" / "onnx-fp32", "onnx-fp32")
    with pytest.raises(InputError, match="those that were rejected: onnx-fp32"):
        choose_artifact(tmp_path, "android")


def _rewrite(folder: Path, **changes: object) -> None:
    manifest = Artifact.open(folder).manifest.model_copy(update={**changes, "manifest_digest": ""})
    (folder / "manifest.json").write_text(manifest.model_dump_json())


@pytest.mark.parametrize("outputs", [[(1, 64, 64, 2)], [(1, 2), (1, 2)], [(1, 2, 1, 4)]])
def test_outputs_that_are_no_scores_are_not_packaged(tmp_path: Path, outputs: list[tuple[int, ...]]) -> None:
    """A segmentation network has as many channels as classes, and would fail on the device."""
    seen = inspection("tflite", "int8", outputs=outputs)
    artifact = write_artifact(tmp_path / "a", "tflite-int8", inspection=seen, classes=["one", "two"])
    with pytest.raises(InputError, match="are not those of classification") as caught:
        choose_artifact(artifact.directory, "raspberry-pi")
    assert caught.value.hint


def test_a_file_that_is_compiled_for_an_npu(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "tflite-int8")
    manifest = artifact.manifest.model_copy(update={"target": load_target("ethos-u55-128")})
    assert fitness(manifest, "raspberry-pi").problem == "it is compiled for ethos-u55-128"
