"""Operation by format by precision: every cell is lowered, quantized, read back and compared with PyTorch.

What an operation is, and what a format refuses, stands in :mod:`tests.backends.operations.table`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgecnn.backends.registry import formats
from edgecnn.core import process
from edgecnn.data.prepared import PreparedSet
from edgecnn.ondevice.contract import Contract
from tests.backends.operations.make import PRECISIONS, Cell, CellsRequest
from tests.backends.operations.table import OPERATIONS, SIZE
from tests.conftest import picture

ROOT = Path(__file__).parents[3]
IMAGES = 16
LARGEST_FLOAT_GAP = 1e-5
LEAST_SQNR_DB = 28.0
"""The least of all cells is 32 dB: an 8-bit grid after three roundings, on a network of noise."""

Cells = Callable[[str], dict[str, Cell]]


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """All cells of a format, made in one child process that loads its converter once."""

    @functools.cache
    def made(name: str) -> dict[str, Cell]:
        folder = tmp_path_factory.mktemp(f"operations-{name}")
        pictures = np.stack([picture(index % 3, index, SIZE, SIZE) for index in range(IMAGES)])
        (folder / "calibration").mkdir()
        PreparedSet.write(
            folder / "calibration",
            pictures,
            np.zeros(IMAGES, np.int64),
            classes=(),
            names=tuple(map(str, range(IMAGES))),
            contract=Contract(height=SIZE, width=SIZE),
        )
        child = process.call(
            "tests.backends.operations.make:make",
            CellsRequest(name, list(OPERATIONS), folder / "calibration", folder),
            log=folder / "log",
            environment={"PYTHONPATH": str(ROOT)},
        )
        return child.read(dict[str, Cell])

    return made


@pytest.mark.parametrize("format_name", formats())
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation(operation: str, precision: str, format_name: str, cells: Cells) -> None:
    row, cell = OPERATIONS[operation], cells(format_name)[f"{operation}/{precision}"]
    expected = row.refused.get((format_name, precision), "")
    assert cell.error == expected, "the table says what the format refuses"
    if expected:
        return
    if precision == "fp32":
        assert cell.precision == "fp32"
        assert cell.largest_gap < LARGEST_FLOAT_GAP
        return
    in_float = format_name in row.in_float
    assert bool(cell.float_op_names) is in_float, f"computed in float: {', '.join(cell.float_op_names)}"
    assert cell.precision == ("mixed" if in_float else "int8")
    assert cell.sqnr_db > LEAST_SQNR_DB


def test_the_table_names_formats_and_precisions_that_there_are() -> None:
    for operation, row in OPERATIONS.items():
        assert row.in_float <= set(formats()), operation
        assert set(row.refused) <= {(name, precision) for name in formats() for precision in PRECISIONS}
