"""Directories of runs, and what is said about those that are none."""

import json
import threading
from pathlib import Path

import pytest

from edgecnn.core.documents.run import RunSummary
from edgecnn.core.errors import InputError, MixedRun
from edgecnn.core.store.runs import (
    SUMMARY,
    lock_beside,
    open_artifacts,
    read_summary,
    summary_text,
    target_artifact,
    target_errors,
)
from tests.support.tiny_run import write_artifact, write_run


def test_a_run_has_its_artifacts_by_target(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert sorted(open_artifacts(run)) == ["onnx-fp32", "tflite-int8"]
    assert target_errors(run) == {"onnx-fp32": "", "tflite-int8": ""}


def test_an_artifact_is_opened_as_a_run_of_one(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "any name", "onnx-fp32")
    assert list(open_artifacts(artifact.directory)) == ["onnx-fp32"]


def test_a_rejected_artifact_is_found_and_a_shipping_one_comes_first(tmp_path: Path) -> None:
    write_artifact(tmp_path / "rejected" / "onnx-fp32", "onnx-fp32", name="rejected")
    found = target_artifact(tmp_path, "onnx-fp32")
    assert found is not None
    assert found.manifest.name == "rejected"
    write_artifact(tmp_path / "artifacts" / "onnx-fp32", "onnx-fp32", name="shipping")
    found = target_artifact(tmp_path, "onnx-fp32")
    assert found is not None
    assert found.manifest.name == "shipping"


def test_a_target_is_no_path_out_of_the_run(tmp_path: Path) -> None:
    write_artifact(tmp_path / "elsewhere", "onnx-fp32")
    assert target_artifact(tmp_path / "run", "../../elsewhere") is None


def test_a_run_whose_targets_all_failed_holds_no_artifact(tmp_path: Path) -> None:
    error = {"message": "it crashed"}
    (tmp_path / SUMMARY).write_text(json.dumps({"targets": [{"target": "onnx-fp32", "error": error}]}))
    assert target_errors(tmp_path) == {"onnx-fp32": "it crashed"}
    with pytest.raises(InputError, match="every target failed"):
        open_artifacts(tmp_path)


def test_a_directory_that_is_neither_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a run nor an artifact") as caught:
        open_artifacts(tmp_path)
    assert "edgecnn run" in str(caught.value.hint)


def test_a_summary_that_lost_a_bit_is_noticed(tmp_path: Path) -> None:
    golden = Path(__file__).parents[1] / "documents" / "golden" / "summary-run.json"
    summary = RunSummary.from_json(json.loads(golden.read_text()))
    text = summary_text(summary)
    (tmp_path / SUMMARY).write_text(text)
    assert RunSummary.from_json(read_summary(tmp_path / SUMMARY)) == summary
    assert list(target_errors(tmp_path)) == [target.target for target in summary.targets]
    (tmp_path / SUMMARY).write_text(text.replace('"lr": 0.', '"lr": 1.', 1))
    with pytest.raises(InputError, match="was changed since it was written"):
        target_errors(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a run's summary"),
        ("{", "is not a run's summary"),
        ("[]", "is not a run's summary"),
        ("{}", "is not a run's summary"),
        ('{"targets": [1]}', "is not a run's summary"),
        ('{"targets": [{"target": "a"}]}', "is not a run's summary"),
        ('{"targets": [{"target": "a", "error": 1}]}', "is not a run's summary"),
        ('{"targets": []}', "lists no targets"),
    ],
)
def test_a_damaged_summary_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / SUMMARY).write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        open_artifacts(tmp_path)
    assert SUMMARY in caught.value.message
    assert "\n" not in caught.value.message


def write_listed_run(directory: Path, name: str) -> Path:
    """Write a run whose summary lists the digests of its artifacts."""
    targets = ("onnx-fp32", "tflite-int8")
    made = [write_artifact(directory / "artifacts" / target, target, name=name) for target in targets]
    listed = [
        {"target": target, "error": None, "manifest_digest": artifact.manifest.manifest_digest}
        for target, artifact in zip(targets, made, strict=True)
    ]
    (directory / SUMMARY).write_text(json.dumps({"targets": listed}))
    return directory


def test_a_reader_waits_for_a_publication_that_is_going_on(tmp_path: Path) -> None:
    """Between two targets, the folder holds those of two runs; the lock says that this will end."""
    run = write_listed_run(tmp_path / "run", "first")
    mixed, published = threading.Event(), threading.Event()

    def publish() -> None:
        with lock_beside(run):
            write_artifact(run / "artifacts" / "onnx-fp32", "onnx-fp32", name="second")
            mixed.set()
            published.wait(0.5)  # time for the reader to find the mix
            write_listed_run(run, "second")

    writer = threading.Thread(target=publish)
    writer.start()
    assert mixed.wait(10)
    found = open_artifacts(run)
    writer.join()
    assert {artifact.manifest.name for artifact in found.values()} == {"second"}


def test_a_mix_that_nobody_is_writing_is_refused(tmp_path: Path) -> None:
    run = write_listed_run(tmp_path / "run", "first")
    write_artifact(run / "artifacts" / "onnx-fp32", "onnx-fp32", name="second")
    with pytest.raises(MixedRun, match=r"onnx-fp32 is not what the run in .* published"):
        open_artifacts(run)
