"""The wheel, installed outside the repository without torch or any runtime."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``edgecnn`` command of a fresh environment that holds the wheel and its plain dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).with_name("uv")
    if not uv.is_file():
        pytest.skip("uv is not beside python: `make env` installs it")
    _run(str(uv), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(PROJECT))
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    constraints = str(PROJECT / "constraints.txt")
    _run(str(uv), "pip", "install", "--quiet", "--python", str(python), "-c", constraints, str(wheel))
    return folder / "venv" / "bin" / "edgecnn"


def _run(*command: str) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert finished.returncode == 0, finished.stderr


def _edgecnn(installed: Path, cwd: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "EDGECNN_HOME": str(cwd / "home")}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [str(installed), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_built_in_targets_and_pipelines_are_found(installed: Path, tmp_path: Path) -> None:
    finished = _edgecnn(installed, tmp_path, "targets", "--json")
    names = {row["name"] for row in json.loads(finished.stdout)["targets"]}
    assert {path.stem for path in (PROJECT / "targets").glob("*.yaml")} <= names
    finished = _edgecnn(installed, tmp_path, "run", "quickstrat")
    assert "did you mean 'quickstart'?" in finished.stderr


def test_a_missing_dependency_is_exit_code_5_with_the_command(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    finished = _edgecnn(
        installed,
        tmp_path,
        *("export", "zoo:mobilenetv2", "--target", "onnx-int8"),
        *("--calibration", str(PROJECT / "tests" / "data" / "no-such-folder")),
    )
    assert finished.returncode == 2, "the data is looked at first"
    from PIL import Image

    for index in range(8):
        Image.linear_gradient("L").rotate(20 * index).save(tmp_path / "photos" / f"{index}.png")
    finished = _edgecnn(
        installed, tmp_path, "export", "zoo:mobilenetv2", "-t", "onnx-int8", "--calibration", "photos"
    )
    assert finished.returncode == 5, finished.stderr
    assert "error: stage 'network' needs the package 'torch', which is not installed" in finished.stderr
    assert "; pip install 'edgecnn[torch]'" in finished.stderr, "each missing package is named with its cure"


def test_doctor_lists_what_is_missing(installed: Path, tmp_path: Path) -> None:
    findings = json.loads(_edgecnn(installed, tmp_path, "doctor", "--json").stdout)
    assert findings["ok"] is False
    missing = {item["what"]: item["remedy"] for item in findings["findings"] if not item["ok"]}
    assert missing["package onnxruntime"] == "pip install 'edgecnn[onnx]'"
