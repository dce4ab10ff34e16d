"""CSV files are read by one reader, with limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.csv_rows import MOST_COLUMNS, csv_rows
from edgecnn.core.errors import InputError


def test_rows_come_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b'\xef\xbb\xbfa,b\r\n\r\n"1,\n2",3\n')
    assert list(csv_rows(file, 100)) == [(1, ["a", "b"]), (4, ["1,\n2", "3"])]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'a\n"b', "is not a CSV file: unexpected end of data"),
        (b'a\n"b"c\n', "is not a CSV file"),
        (b"a" * 200_000, "is not a CSV file: field larger than field limit"),
        (b"," * MOST_COLUMNS, r"a\.csv:1: there are more than 256 columns"),
        (b"\xff", "is not UTF-8 text"),
        (b"a" * 300_001, "is larger than 300000 bytes"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        list(csv_rows(file, 300_000))
