"""CSV files: the one way in which they are read, with limits on size and columns."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.files import read_bounded_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_COLUMNS = 256


def csv_rows(file: Path, most_bytes: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file that are not empty, each with the number of its last line.

    Args:
        file: The file, UTF-8 with or without a byte order mark.
        most_bytes: Largest accepted size in bytes.

    Raises:
        InputError: The file cannot be read, is larger, is not UTF-8 or no CSV, or a row has too many columns.
    """
    rows = csv.reader(io.StringIO(read_bounded_text(file, most_bytes), newline=""), strict=True)
    try:
        for cells in rows:
            if len(cells) > MOST_COLUMNS:
                raise InputError(f"{file}:{rows.line_num}: there are more than {MOST_COLUMNS} columns")
            if cells:
                yield rows.line_num, cells
    except csv.Error as error:
        raise InputError(f"{file} is not a CSV file: {error}") from None
