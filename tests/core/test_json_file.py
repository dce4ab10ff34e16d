from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from edgecnn.core.errors import InputError
from edgecnn.core.json_file import parse_json, read_json

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_read_and_a_byte_order_mark_skipped(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": [1,\r\n 2.5, null]}')
    assert read_json(file) == {"a": [1, 2.5, None]}


def test_the_message_names_the_file_and_what_it_should_be(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("{")
    with pytest.raises(InputError, match=r"a\.json is not a manifest: it is no JSON"):
        read_json(file, what="a manifest")
    file.write_bytes(b" " * 100)
    with pytest.raises(InputError, match=r"a\.json is larger than 99 bytes"):
        read_json(file, most_bytes=99)
    with pytest.raises(InputError, match=r"^the plan is not a plan: it is no JSON"):
        parse_json("", "the plan", what="a plan")


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(InputError, match="it is a folder, not a file"):
        read_json(tmp_path)
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="it is a pipe or a device, not a file"):
        read_json(tmp_path / "pipe.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="it is a pipe or a device, not a file"):
        read_json(tmp_path / "zero.json")
    with pytest.raises(InputError, match="is no name of a file"):
        read_json(tmp_path / "a\0.json")
