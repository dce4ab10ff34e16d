"""Baselines: accepted, compared with, and refused where they are another model's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

import edgecnn
from edgecnn.core.documents.check import CheckResult
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import EdgecnnError, InputError, UsageError
from edgecnn.core.store.baseline import read_baseline, write_baseline
from edgecnn.models.detection_network import detection
from edgecnn.pipeline.regression_rows import Tolerances
from edgecnn.proof.accuracy.paired import pack_values
from tests.support import tiny_detector
from tests.support import tiny_models as tiny
from tests.support.gate_runs import other_onnx
from tests.support.tiny_run import hits, write_artifact, write_run


@pytest.fixture
def accepted(tmp_path: Path) -> Path:
    """The baseline of a run of two targets, artifacts beside it."""
    run = write_run(tmp_path / "accepted")
    file = tmp_path / "gate" / "tiny.yaml"
    edgecnn.accept_baseline(run, out=file, artifacts=tmp_path / "gate" / "artifacts")
    return file


def compared(run: Path, baseline: Path, **options: object) -> CheckResult:
    result: CheckResult = edgecnn.check(run, baseline=baseline, latency=False, **options)
    return result


def verdicts(result: CheckResult) -> dict[str, Verdict]:
    return {f"{row.target} {row.check}": row.verdict for row in result.rows if row.kind == "baseline"}


def test_an_unchanged_run_is_no_regression_latency_included(accepted: Path, tmp_path: Path) -> None:
    run = write_artifact(tmp_path / "run" / "onnx-fp32", "onnx-fp32")
    generous = Tolerances(latency_ratio=2.0, seconds=1.0)
    result = edgecnn.check(run.directory, baseline=accepted, tolerances=generous)
    assert result.exit_code == 0, [str(row) for row in result.failed]
    found = verdicts(result)
    assert {
        "onnx-fp32 latency",
        "onnx-fp32 accuracy",
        "onnx-fp32 size",
    } <= found.keys()
    assert set(found.values()) == {Verdict.PASS}


def test_the_file_is_readable_and_holds_what_was_accepted(accepted: Path) -> None:
    data = yaml.safe_load(accepted.read_text())
    assert (data["schema_version"], data["name"], data["artifacts"]) == (1, "tiny", "artifacts")
    kept = data["targets"]["tflite-int8"]
    assert kept["measured"]["accuracy"] == 0.9
    assert list(kept["files"]) == ["model.tflite"]
    assert accepted.stat().st_size < 5000


def test_ten_kilobytes_more_are_stopped(accepted: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", measured={"size": 12_000})
    result = compared(run, accepted)
    assert result.exit_code == 3
    assert verdicts(result)["onnx-fp32 size"] is Verdict.FAIL
    assert compared(run, accepted, tolerances=Tolerances(size_bytes=20_000)).passed


@pytest.mark.parametrize(("right", "word"), [(880, "lost"), (920, "gained")])
def test_two_points_less_or_more_are_stopped(accepted: Path, tmp_path: Path, right: int, word: str) -> None:
    run = write_run(tmp_path / "run", right=hits(right))
    result = compared(run, accepted)
    assert result.exit_code == 3
    row = next(row for row in result.rows if row.check == "accuracy")
    assert word in row.note


def test_a_detector_is_paired_over_the_same_draws(tmp_path: Path) -> None:
    draws = np.random.default_rng(0).normal(0.4, 0.02, 500)

    def answers(shift: float) -> dict[str, object]:
        resampled = pack_values(draws + shift)
        return {"images": 1000, "digest": "d", "ap": 0.4 + shift, "ap50": 0.6, "resampled": resampled}

    def run(name: str, shift: float) -> Path:
        return write_run(tmp_path / name, answers=answers(shift), task=detection(tiny_detector.DETECTOR))

    edgecnn.accept_baseline(run("a", 0.0), out=tmp_path / "b.yaml")
    same = compared(run("same", 0.001), tmp_path / "b.yaml")
    assert verdicts(same)["onnx-fp32 AP50:95"] is Verdict.PASS
    worse = compared(run("worse", -0.02), tmp_path / "b.yaml")
    assert worse.exit_code == 3
    row = next(row for row in worse.rows if row.check == "AP50:95")
    assert "-2.00 points" in row.note
    assert "lost" in row.note


def test_too_few_images_conclude_nothing(tmp_path: Path) -> None:
    few = hits(90, 100)
    edgecnn.accept_baseline(write_run(tmp_path / "a", right=few), out=tmp_path / "b.yaml")
    run = write_run(tmp_path / "run", right=hits(87, 100))
    result = compared(run, tmp_path / "b.yaml")
    assert verdicts(result)["onnx-fp32 accuracy"] is Verdict.INCONCLUSIVE
    assert result.exit_code == 0
    assert compared(run, tmp_path / "b.yaml", strict=True).exit_code == 3


def test_few_images_show_a_large_loss(tmp_path: Path) -> None:
    edgecnn.accept_baseline(write_run(tmp_path / "a", right=hits(71, 71)), out=tmp_path / "b.yaml")
    run = write_run(tmp_path / "run", right=hits(0, 71))
    result = compared(run, tmp_path / "b.yaml")
    assert verdicts(result)["onnx-fp32 accuracy"] is Verdict.FAIL
    with pytest.raises(InputError, match=r"worse: .* accuracy"):
        edgecnn.accept_baseline(run, out=tmp_path / "b.yaml")


def test_counts_are_compared_exactly_within_one_version_of_their_tool(tmp_path: Path) -> None:
    tools = {"ethos-u-vela": "5.2.0"}
    counted = {"cycles": 1000, "instructions": {"raspberry-pi-5": 500}}
    edgecnn.accept_baseline(write_run(tmp_path / "a", measured=counted, tools=tools), out=tmp_path / "b.yaml")
    more = counted | {"cycles": 1001}
    result = compared(write_run(tmp_path / "more", measured=more, tools=tools), tmp_path / "b.yaml")
    assert verdicts(result)["tflite-int8 cycles"] is Verdict.FAIL
    less = {"cycles": 900, "instructions": {"raspberry-pi-5": 601}}
    result = compared(write_run(tmp_path / "less", measured=less, tools=tools), tmp_path / "b.yaml")
    assert verdicts(result)["tflite-int8 cycles"] is Verdict.PASS
    assert verdicts(result)["tflite-int8 instructions on raspberry-pi-5"] is Verdict.FAIL
    near = counted | {"instructions": {"raspberry-pi-5": 600}}
    result = compared(write_run(tmp_path / "near", measured=near, tools=tools), tmp_path / "b.yaml")
    assert verdicts(result)["tflite-int8 instructions on raspberry-pi-5"] is Verdict.PASS
    newer = write_run(tmp_path / "newer", measured=less, tools={"ethos-u-vela": "6.0.0"})
    row = next(row for row in compared(newer, tmp_path / "b.yaml").rows if row.check == "cycles")
    assert "counted by version 6.0.0, the baseline by 5.2.0" in row.note


def test_a_slower_model_is_stopped(accepted: Path, tmp_path: Path) -> None:
    """Forty convolutions in place of one: no machine is busy enough to hide that."""
    model = slow_onnx(tmp_path / "model.onnx")
    run = write_artifact(tmp_path / "run" / "onnx-fp32", "onnx-fp32", model=model).directory
    result = edgecnn.check(run, baseline=accepted, tolerances=Tolerances(size_bytes=10**6, seconds=1.0))
    assert result.exit_code == 3
    row = next(row for row in result.rows if row.check == "latency")
    assert row.verdict is Verdict.FAIL, str(row)
    assert "pairs of processes" in row.note


def slow_onnx(path: Path) -> Path:
    """Write the tiny network with forty convolutions before it."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(tiny.write_onnx(path))
    kernel = np.zeros((3, 3, 5, 5), np.float32)
    names = ["input", *(f"slow{index}" for index in range(40))]
    nodes = [
        helper.make_node("Conv", [names[index], "slow"], [names[index + 1]], pads=[2, 2, 2, 2])
        for index in range(40)
    ]
    model.graph.node[0].input[0] = names[-1]
    model.graph.initializer.append(numpy_helper.from_array(kernel, "slow"))
    kept = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *kept])
    onnx.save(model, path)
    return path


def refused(run: Path, baseline: Path, said: str) -> EdgecnnError:
    with pytest.raises((InputError, UsageError), match=said) as caught:
        compared(run, baseline)
    assert not re.search(r"\n\s", caught.value.message), "every line is a sentence of its own"
    return caught.value


def test_a_baseline_of_another_model_is_refused(accepted: Path, tmp_path: Path) -> None:
    refused(write_run(tmp_path / "b", name="other"), accepted, "baseline of 'tiny', the run is of 'other'")
    refused(write_run(tmp_path / "c", classes=["a", "b"]), accepted, "other classes")
    with pytest.raises(InputError, match="is the baseline of 'tiny', not of 'other'"):
        edgecnn.accept_baseline(tmp_path / "b", out=accepted)
    assert edgecnn.accept_baseline(tmp_path / "b", out=accepted, force=True).name == "other"


def test_a_baseline_of_another_machine_says_so(accepted: Path, tmp_path: Path) -> None:
    baseline = read_baseline(accepted)
    elsewhere = {
        name: target.model_copy(update={"isa": "arm64-dotprod"}) for name, target in baseline.targets.items()
    }
    write_baseline(baseline.model_copy(update={"targets": elsewhere}), accepted)
    result = compared(write_run(tmp_path / "run"), accepted)
    row = next(row for row in result.rows if row.check == "accuracy")
    assert "the baseline was measured on arm64-dotprod" in row.note


def test_a_baseline_of_another_schema_or_none_is_refused(accepted: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    refused(run, tmp_path / "none.yaml", "there is no baseline")
    accepted.write_text(accepted.read_text().replace("schema_version: 1", "schema_version: 9"))
    assert "accept it again" in (refused(run, accepted, "schema 9; this version reads 1").hint or "")
    accepted.write_text("schema_version: 1\nname: tiny\n")
    with pytest.raises(UsageError, match="key 'targets' is missing"):
        compared(run, accepted)
    accepted.write_text("not: [yaml")
    refused(run, accepted, r"tiny\.yaml:\d")


@pytest.mark.parametrize("text", ["class Net(Module):\n    pass\n", "x = 1\n", "description: a target\n"])
def test_a_file_that_is_no_baseline_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "nets.py"
    file.write_text(text)
    with pytest.raises((InputError, UsageError), match=r"nets\.py is no baseline: ") as caught:
        read_baseline(file)
    assert caught.value.hint == "a baseline is a YAML file that `edgecnn baseline accept RUN` writes"
    with pytest.raises(InputError, match="is a folder and no baseline"):
        read_baseline(tmp_path)


def test_a_baseline_does_not_lead_out_of_its_folder(accepted: Path, tmp_path: Path) -> None:
    text = accepted.read_text()
    for place in ("../elsewhere", "/etc"):
        accepted.write_text(text.replace("artifacts: artifacts", f"artifacts: {place}"))
        refused(write_run(tmp_path / "run"), accepted, "is not beside")
    with pytest.raises(InputError, match="does not lie below"):
        edgecnn.accept_baseline(
            tmp_path / "run", out=tmp_path / "x" / "b.yaml", artifacts=tmp_path / "elsewhere"
        )


def test_an_accepted_artifact_that_is_gone_or_changed_is_named(accepted: Path, tmp_path: Path) -> None:
    run = write_artifact(tmp_path / "run", "onnx-fp32", model=other_onnx(tmp_path / "model.onnx")).directory
    (model,) = accepted.parent.glob("artifacts/onnx-fp32-*/model.onnx")
    model.write_bytes(b"changed")
    with pytest.raises(InputError, match="was changed since"):
        edgecnn.check(run, baseline=accepted)
    for file in model.parent.iterdir():
        file.unlink()
    model.parent.rmdir()
    with pytest.raises(InputError, match="accepted artifact of onnx-fp32 is not at") as caught:
        edgecnn.check(run, baseline=accepted)
    assert "--no-latency" in (caught.value.hint or "")


def test_other_images_or_a_missing_target_are_no_pass(accepted: Path, tmp_path: Path) -> None:
    other = {"images": 8, "digest": "others", "hits": "/w=="}
    model = other_onnx(tmp_path / "model.onnx")
    changed = write_artifact(tmp_path / "changed", "onnx-fp32", model=model, answers=other)
    result = compared(changed.directory, accepted)
    assert "has other images" in next(row for row in result.rows if row.check == "accuracy").note
    assert result.exit_code == 3
    assert compared(write_run(tmp_path / "run", answers=other), accepted).passed, "the files are the same"
    (tmp_path / "run" / "summary.json").write_text(
        json.dumps({"targets": [{"target": "onnx-fp32", "error": None}, {"target": "x", "error": None}]})
    )
    assert compared(tmp_path / "run", accepted).exit_code == 4, "a target that was never made"
