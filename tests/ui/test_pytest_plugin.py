"""The plugin, in a pytest of its own as a user would start it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tiny_run import hits, write_run

USERS_TESTS = """
import numpy as np
import pytest

@pytest.mark.edgecnn(target="onnx-fp32")
def test_zeros(edgecnn_session):
    (out,) = edgecnn_session.run([np.zeros((1, 3, 8, 8), np.float32)])
    assert out.shape == (1, 5)

@pytest.mark.edgecnn(target="onnx-int7")
def test_no_such_target(edgecnn_session):
    pass

def test_without_a_mark(edgecnn_session):
    pass

def test_of_another_kind():
    pass
"""


def run_pytest(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", *arguments]
    # The users' own tests are not part of our measure of lines.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLIPCOVER_")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


@pytest.fixture
def tests_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    return folder


def test_every_link_and_budget_is_a_test(tests_folder: Path, tmp_path: Path) -> None:
    budgets = {"size": 1, "latency_ratio": 2, "baseline_latency_ratio": 1.02, "accuracy": 0.5}
    run = write_run(tmp_path / "run", budgets=budgets, measured={"size": 12_000})
    text = run_pytest(tests_folder, "--edgecnn", str(run))
    assert text.startswith("1\n")
    assert "8 passed, 4 failed, 2 skipped" in text.replace("4 failed, 8 passed", "8 passed, 4 failed")
    assert "onnx-fp32: size 12 kB (1 B)" in text
    assert "tflite-int8: latency_ratio not measured" in text
    assert "Traceback" not in text


def test_a_baseline_is_compared_with(tests_folder: Path, tmp_path: Path) -> None:
    import edgecnn

    baseline = tmp_path / "base.yaml"
    edgecnn.accept_baseline(write_run(tmp_path / "a"), out=baseline, artifacts=tmp_path / "artifacts")
    run = write_run(tmp_path / "run", right=hits(700))
    text = run_pytest(
        tests_folder, "--edgecnn", str(run / "artifacts" / "onnx-fp32"), "--edgecnn-baseline", str(baseline)
    )
    assert "-20.00 points" in text
    assert "onnx-fp32::baseline::size" in text


def test_an_artifact_opens_in_the_users_own_tests(tests_folder: Path, tmp_path: Path) -> None:
    (tests_folder / "test_mine.py").write_text(USERS_TESTS)
    text = run_pytest(tests_folder, "--edgecnn", str(write_run(tmp_path / "run")))
    assert "PASSED test_mine.py::test_zeros" in text
    assert "holds no artifact of 'onnx-int7'; it has onnx-fp32, tflite-int8" in text
    assert "needs @pytest.mark.edgecnn(target=...)" in text
    without = run_pytest(tests_folder, "-k", "zeros or another")
    assert "1 passed, 1 skipped" in without


def test_what_cannot_be_used_is_one_line(tests_folder: Path, tmp_path: Path) -> None:
    assert "neither a run nor an artifact" in run_pytest(tests_folder, "--edgecnn", str(tmp_path))
    assert "needs --edgecnn RUN" in run_pytest(tests_folder, "--edgecnn-baseline", "x.yaml")


def test_other_peoples_tests_do_not_notice(tests_folder: Path) -> None:
    (tests_folder / "test_mine.py").write_text(
        "import sys\ndef test_light():\n    assert 'edgecnn.ui.api' not in sys.modules\n"
        "    assert 'pydantic' not in sys.modules\n"
    )
    assert "1 passed" in run_pytest(tests_folder)
