"""The wheel, installed by pip in a fresh environment, without edgecnn and without torch."""

from __future__ import annotations

import email
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from PIL import Image

import edgecnn
from edgecnn.core.documents.package import PackageResult
from tests.support.archives import read_archive


def test_name_metadata_and_markers_are_what_installers_expect(raspberry: PackageResult) -> None:
    wheel = raspberry.paths[0]
    name, version, _, tags = parse_wheel_filename(wheel.name)
    assert (name, str(version), {str(tag) for tag in tags}) == ("tiny", "1.0.0", {"py3-none-any"})
    members = read_archive(wheel)
    metadata = Metadata.from_email(members["tiny-1.0.0.dist-info/METADATA"], validate=True)
    assert str(metadata.requires_python) == ">=3.11"
    pi64 = {"platform_machine": "aarch64", "python_version": "3.13"}
    pi32 = {"platform_machine": "armv7l", "python_version": "3.11"}
    assert _wanted(metadata, pi64) == {"numpy", "pillow", "ai-edge-litert"}
    assert _wanted(metadata, pi32) == {"numpy", "pillow", "tflite-runtime"}
    assert _wanted(metadata, pi32 | {"python_version": "3.13"}) == {"numpy", "pillow"}
    wheel_file = email.message_from_bytes(members["tiny-1.0.0.dist-info/WHEEL"])
    assert wheel_file["Tag"] == "py3-none-any"


def _wanted(metadata: Metadata, environment: dict[str, str]) -> set[str]:
    requirements = metadata.requires_dist or []
    return {
        found.name
        for found in map(Requirement, map(str, requirements))
        if found.marker is None or found.marker.evaluate(environment)
    }


def test_the_same_inputs_give_the_same_bytes(
    tiny_run: Path, raspberry: PackageResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    again = edgecnn.package(tiny_run, "raspberry-pi", out=tmp_path / "out")
    for first, second in zip(raspberry.paths, again.paths, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


@pytest.fixture(scope="module")
def site(raspberry: PackageResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that pip installed the wheel into; it sees numpy, Pillow and runtimes, not edgecnn."""
    folder = tmp_path_factory.mktemp("site")
    venv.create(folder, with_pip=False)
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(folder / "bin" / "python"),
        "install",
        "--no-deps",
    ]
    command += ["--no-index", "--quiet", str(raspberry.paths[0])]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    site = next(folder.glob("lib/python3*/site-packages"))
    here = Path(np.__file__).parents[1]
    for name in (
        "numpy",
        "numpy.libs",
        "PIL",
        "pillow.libs",
        "ai_edge_litert",
        "flatbuffers",
        "typing_extensions.py",
    ):
        if (here / name).exists():
            (site / name).symlink_to(here / name)
    for name in ("backports", "ml_dtypes", "tqdm"):
        if (here / name).exists():
            (site / name).symlink_to(here / name)
    return folder


def run(site: Path, *arguments: str, program: str = "tiny") -> subprocess.CompletedProcess[str]:
    command = [str(site / "bin" / program), *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": str(site)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)


def test_command_and_self_test(site: Path, tmp_path: Path) -> None:
    found = run(site, "--self-test", "--json")
    assert found.returncode == 0, found.stdout + found.stderr
    result = json.loads(found.stdout)
    assert result["passed"]
    assert result["reference_equal"] == result["preprocessing_equal"] == result["pictures"] == 4
    photo = tmp_path / "photo.jpg"
    Image.linear_gradient("L").save(photo)
    found = run(site, str(photo), "--json", "--top", "2")
    assert [len(json.loads(line)["classes"]) for line in found.stdout.splitlines()] == [2]
    assert "%" in run(site, str(photo)).stdout
    found = run(site, str(tmp_path / "no.jpg"))
    assert found.returncode == 2
    assert "no.jpg" in found.stderr


def test_python_interface_needs_neither_edgecnn_nor_torch(site: Path) -> None:
    code = (
        "import sys\nfrom tiny import Model\nimport numpy as np\n"
        "found = Model(threads=2).classify(np.full((40, 30, 3), 200, np.uint8), k=3)\n"
        "print(len(found), {'edgecnn', 'torch'} & set(sys.modules))"
    )
    found = run(site, "-c", code, program="python")
    assert found.returncode == 0, found.stderr
    assert found.stdout.split(maxsplit=1)[0] == "3"
    assert "set()" in found.stdout


def test_a_missing_runtime_or_library_is_one_line(
    site: Path, raspberry_onnx: PackageResult, tmp_path: Path
) -> None:
    command = [str(site / "bin" / "python"), "-m", "tiny", "--self-test"]
    environment = {"PYTHONPATH": str(tmp_path)}
    (tmp_path / "tiny").symlink_to(_unpacked(raspberry_onnx, tmp_path / "onnx") / "tiny")
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (found.returncode, found.stderr) == (
        5,
        "error: onnxruntime is not installed: pip install onnxruntime\n",
    )
    found = subprocess.run(
        [sys.executable, "-S", "-m", "tiny"], capture_output=True, text=True, check=False, env=environment
    )
    assert found.returncode == 5
    assert "pip install numpy pillow" in found.stderr


def _unpacked(result: PackageResult, folder: Path) -> Path:
    for name, data in read_archive(result.paths[0]).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_the_installer_is_valid_shell_and_refuses_changed_files(
    raspberry: PackageResult, tmp_path: Path
) -> None:
    for name, data in read_archive(raspberry.paths[1]).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    script = tmp_path / "tiny-1.0.0" / "install.sh"
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
    with (script.parent / "README.md").open("a") as file:
        file.write("changed")
    found = subprocess.run(
        ["sh", str(script), "--prefix", str(tmp_path / "p")], capture_output=True, text=True, check=False
    )
    assert found.returncode == 4
    assert "README.md" in found.stderr + found.stdout
    found = subprocess.run(["sh", str(script), "--what"], capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "unknown option --what" in found.stderr
    unit = (script.parent / "tiny.service").read_text()
    assert "ExecStart=@PREFIX@/bin/tiny --serve" in unit
