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
    row, made = OPERATIONS[operation], cells(format_name)
    cell = made.get(f"{operation}/{precision}")
    if cell is None:
        assert (format_name, "fp32") in row.refused, f"fp32 is refused: {made[f'{operation}/fp32'].error}"
        pytest.skip("it is refused in fp32 already")
    refusal = row.refused.get((format_name, precision))
    if refusal is not None:
        assert cell.error, (
            f"the table says that it is refused ({refusal.says}), but it is made: delete the claim"
        )
        assert refusal.says in cell.error, "it is refused for another reason than the table says"
        assert refusal.names in cell.error, "the message does not name the operation"
        return
    assert not cell.error, f"it is refused, which the table does not say: {cell.error}"
    if precision == "fp32":
        assert cell.precision == "fp32"
        assert cell.largest_gap < LARGEST_FLOAT_GAP
        return
    floats, claim = ", ".join(cell.float_op_names), row.in_float.get(format_name)
    if claim is None:
        assert not floats, f"in float are {floats}, which the table does not say"
    else:
        assert floats, f"the table says that {claim} is in float, but nothing is: delete the claim"
        assert claim in floats, f"the table says that {claim} is in float, but it is {floats}"
    assert cell.precision == ("int8" if claim is None else "mixed")
    assert cell.sqnr_db > LEAST_SQNR_DB


def test_the_table_names_formats_and_precisions_that_there_are() -> None:
    for operation, row in OPERATIONS.items():
        assert set(row.in_float) <= set(formats()), operation
        assert set(row.refused) <= {(name, precision) for name in formats() for precision in PRECISIONS}
