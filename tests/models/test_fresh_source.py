"""A module of the user's is compiled from its source, whatever bytecode lies beside it."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from pathlib import Path

USE = "from edgecnn.models.sources.module import find_factory; print(find_factory('nets:net').__doc__)"


def documented(folder: Path, module: str, text: str) -> None:
    (folder / f"{module}.py").write_text(text)
    os.utime(folder / f"{module}.py", (1_000_000_000, 1_000_000_000))


def factory(folder: Path, *path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (Path(__file__).parents[2], *path)))},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_bytecode_of_another_text_with_the_same_size_and_time_is_not_used(tmp_path: Path) -> None:
    documented(tmp_path, "parts", "WORD = 'old'")
    documented(tmp_path, "nets", "from parts import WORD\ndef net(): pass\nnet.__doc__ = 'one ' + WORD")
    for module in ("parts", "nets"):
        py_compile.compile(str(tmp_path / f"{module}.py"), doraise=True)
    documented(tmp_path, "parts", "WORD = 'new'")
    documented(tmp_path, "nets", "from parts import WORD\ndef net(): pass\nnet.__doc__ = 'two ' + WORD")
    stale = subprocess.run(
        [sys.executable, "-c", "import nets; print(nets.net.__doc__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert stale.stdout.strip() == "one old", "Python itself believes the bytecode"
    assert factory(tmp_path) == "two new"


def test_packages_and_modules_of_other_folders_are_compiled_too(tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "pack").mkdir(parents=True)
    documented(other / "pack", "__init__", "from .deep import WORD")
    documented(other / "pack", "deep", "WORD = 'old'")
    py_compile.compile(str(other / "pack" / "deep.py"), doraise=True)
    documented(other / "pack", "deep", "WORD = 'new'")
    documented(tmp_path, "nets", "import pack\ndef net(): pass\nnet.__doc__ = pack.WORD")
    assert factory(tmp_path, other) == "new"
    assert not (tmp_path / "__pycache__").exists(), "no bytecode is written beside the user's files"
