from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgecnn.core.errors import InputError
from edgecnn.data import idx
from edgecnn.data.idx import parse_idx, read_idx

if TYPE_CHECKING:
    from pathlib import Path


@given(values=arrays.arrays(np.uint8, arrays.array_shapes(max_dims=4, max_side=6)))
def test_reads_what_was_written(values: np.ndarray) -> None:
    data = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()
    np.testing.assert_array_equal(parse_idx(data), values)


@given(data=st.one_of(st.binary(), st.binary().map(lambda tail: b"\0\0\x08" + tail)))
@settings(max_examples=300)
def test_any_bytes_are_refused_or_have_the_declared_size(data: bytes) -> None:
    try:
        values = parse_idx(data)
    except ValueError:
        return
    assert values.size == len(data) - 4 - 4 * values.ndim


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "two zero bytes"),
        (b"PK\3\4", "two zero bytes"),
        (b"\0\0\x0d\1\0\0\0\1\0\0\0\0", "element type 0x0d"),
        (b"\0\0\x08\0", "0 dimensions"),
        (b"\0\0\x08\3\0\0\0\1", "3 dimensions is cut off"),
        (b"\0\0\x08\1\0\0\0\5\1\2", r"shape \[5\] does not agree with 2 bytes"),
        (b"\0\0\x08\2\xff\xff\xff\xff\xff\xff\xff\xff", "does not agree with 0 bytes"),
    ],
)
def test_bad_headers_say_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_idx(data)


def test_bad_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "images.gz"
    whole = gzip.compress(b"\0\0\x08\1\0\0\x27\x10" + bytes(np.arange(10_000) % 251), mtime=0)
    corrupt = bytearray(whole)
    corrupt[len(whole) // 2] ^= 0xFF
    for content, message in (
        (whole[: len(whole) // 2], "truncated or corrupt"),
        (bytes(corrupt), "truncated or corrupt|not an IDX"),
        (b"not gzip", "truncated or corrupt"),
        (gzip.compress(b"hello"), "not an IDX file"),
    ):
        file.write_bytes(content)
        with pytest.raises(InputError, match=rf"images\.gz is ({message})"):
            read_idx(file)
    with pytest.raises(InputError, match="No such file"):
        read_idx(tmp_path / "absent.gz")
    monkeypatch.setattr(idx, "MAX_BYTES", 1000)
    file.write_bytes(whole)
    with pytest.raises(InputError, match="holds more than"):
        read_idx(file)
