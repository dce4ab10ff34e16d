"""Tests are shared out in units that stay together, the longest first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.units import LONG, PROJECT, rank_of, unit_of


def test_every_long_unit_is_there() -> None:
    assert not [path for path in LONG if not (PROJECT / path).exists()]
    assert len(set(LONG)) == len(LONG)


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("tests/ui/api/test_ladder.py", "tests/ui/api/test_ladder.py"),
        ("tests/ui/api/test_run.py", "tests/ui/api"),
        ("tests/backends/onnx/test_inspect.py", "tests/backends"),
        ("tests/backends/operations/test_operations.py", "tests/backends/operations"),
        ("tests/core/config/test_yaml_source.py", "tests/core/config"),
        ("tests/test_names.py", "tests"),
        ("edgecnn/ui/report/svg.py", "edgecnn/ui/report"),
    ],
)
def test_a_file_belongs_to_the_nearest_unit(path: str, unit: str) -> None:
    assert unit_of(path) == unit


def test_long_units_begin_first() -> None:
    paths = ["tests/core/test_process.py", "tests/ui/api/test_ladder.py", "tests/ui/api/test_run.py"]
    assert sorted(paths, key=rank_of) == [
        "tests/ui/api/test_run.py",
        "tests/ui/api/test_ladder.py",
        "tests/core/test_process.py",
    ]


HOOK = """
from tests.support.units import LoadByUnit

def pytest_xdist_make_scheduler(config, log):
    return LoadByUnit(config, log)
"""
CRASH = """
def test_last():
    import os, pathlib
    mark = pathlib.Path(__file__).with_suffix(".crashed")
    if not mark.exists():
        mark.touch()
        os._exit(1)
"""


def test_a_process_that_crashes_does_not_hang_the_others(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(HOOK)
    for number in range(8):
        folder = tmp_path / f"unit{number}"
        folder.mkdir()
        tests = "def test_first(): pass\n"
        tests += CRASH if number == 4 else "def test_last(): pass\n" if number % 2 else ""
        (folder / f"test_unit{number}.py").write_text(tests)
    options = "-q -p no:cacheprovider --numprocesses 2 --dist loadscope --no-loadscope-reorder"
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options.split()],
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)},  # nothing of this run
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "crashed while running 'unit4/test_unit4.py::test_last'" in ran.stdout, ran.stdout
    assert "1 failed, 13 passed" in ran.stdout, ran.stdout
