"""Packages that extend edgecnn, installed in a folder of their own and used in child processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTENSIONS = ROOT / "tests" / "extensions"


def install(distribution: str, folder: Path) -> Path:
    """Install a distribution of ``tests/extensions`` with its metadata; return the folder for the path."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.is_file():
        pytest.skip("uv is not beside python: `make env` installs it")
    # The build writes beside the sources.
    source, target = folder / "source", folder / "installed"
    shutil.copytree(EXTENSIONS / distribution, source, ignore=shutil.ignore_patterns("__pycache__"))
    command = ("pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation")
    done = subprocess.run(
        [str(uv), *command, "--python", sys.executable, "--target", str(target), str(source)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return target


def fake_distribution(folder: Path, name: str, group: str, entry_point: str, modules: dict[str, str]) -> Path:
    """Write what an installer leaves of a distribution with one entry point; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry_point}\n")
    for file, text in modules.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return folder


def edgecnn(cwd: Path, paths: list[Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in ``cwd`` with these folders on the path and a home of its own."""
    return python(cwd, paths, "-c", "from edgecnn.ui.cli.main import main; main()", *arguments)


def python(cwd: Path, paths: list[Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the interpreter in ``cwd`` with these folders on the path and a home of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *paths])),
        "EDGECNN_HOME": str(cwd / "home"),
        "COLUMNS": "300",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
