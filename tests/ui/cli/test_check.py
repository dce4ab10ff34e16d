"""`edgecnn check` as CI starts it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.tiny_run import write_run


def check(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")}
    return subprocess.run(
        [sys.executable, "-m", "edgecnn.ui.cli.main", "check", *arguments],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(
        tmp_path / "run",
        budgets={"size": "1 kB", "latency_ratio": 0.8},
        measured={"size": 12_000, "latency_ratio": 0.8, "latency_interval": (0.7, 0.9)},
    )


def test_a_workflow_gets_annotations_a_table_junit_and_one_document(run: Path, tmp_path: Path) -> None:
    junit, summary = tmp_path / "out" / "check.xml", tmp_path / "summary.md"
    summary.write_text("before\n")
    done = check(
        *(str(run), "--json", "--junit", str(junit)), GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary)
    )
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert document["passed"] is False
    assert document["host"]["isa"]
    missed = [row for row in document["results"] if not row["passed"]]
    assert [(row["target"], row["check"]) for row in missed] == [
        ("onnx-fp32", "size"),
        ("tflite-int8", "size"),
    ]
    assert "::error title=onnx-fp32%3A size::onnx-fp32: size 12 kB (1 kB)" in done.stderr
    assert "::warning title=onnx-fp32%3A latency_ratio" in done.stderr
    assert summary.read_text().startswith("before\n## edgecnn check")
    root = ElementTree.parse(junit).getroot()  # noqa: S314 - our own
    assert len(root.findall("./testsuite/testcase/failure")) == 2


def test_strict_lets_nothing_undecided_pass(run: Path, tmp_path: Path) -> None:
    budgets = tmp_path / "budgets.yaml"
    budgets.write_text('budgets: {"*": {size: 1 MB, latency_ratio: 0.8}}\n')
    assert check(str(run), "--budgets", str(budgets)).returncode == 0
    assert check(str(run), "--budgets", str(budgets), "--strict").returncode == 3


def test_a_budget_in_the_wrong_unit_is_one_line(run: Path, tmp_path: Path) -> None:
    budgets = tmp_path / "budgets.yaml"
    budgets.write_text("budgets:\n  onnx-fp32: {size: 3 ms}\n")
    done = check(str(run), "--budgets", str(budgets))
    assert done.returncode == 2
    assert f"error: {budgets}:2: budgets.onnx-fp32.size: '3 ms' is not a size" in done.stderr.replace(
        "\n", ""
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--size-tolerance", "1000", "did you mean 1000 kB"),
        ("--size-tolerance", "3", "did you mean 3 kB?"),
        ("--accuracy-tolerance", "1", "did you mean 1 %"),
        ("--accuracy-tolerance", "100 %", "no value could miss 100 %"),
        ("--latency-limit", "102", "did you mean 102 %?"),
        ("--latency-limit", "fast", "is not a ratio"),
    ],
)
def test_a_tolerance_that_cannot_be_meant_is_one_line(run: Path, option: str, value: str, said: str) -> None:
    done = check(str(run), option, value)
    assert done.returncode == 2
    assert f"error: {option}: " in done.stderr
    assert said in " ".join(done.stderr.split())


def test_a_report_that_cannot_be_written_is_named(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = check(str(run), "--junit", str(tmp_path / "file" / "check.xml"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
