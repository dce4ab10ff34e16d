"""Tests are shared out in units that stay together, the longest first."""

from __future__ import annotations

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
