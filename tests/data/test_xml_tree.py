"""XML of annotations as a tree of plain elements."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.data.xml_tree import read_xml


def test_values_are_found_by_their_path_and_stripped(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_text("<a><size><width> 6<!-- two pieces -->4\n</width></size><size/><name> \n</name></a>")
    root = read_xml(file)
    assert [child.name for child in root.children] == ["size", "size", "name"]
    assert root.value("size/width") == "64"
    assert (root.value("name"), root.value("size/height"), root.value("size/width/more")) == ("", "", "")
    assert root.find("size/height") is None


@pytest.mark.parametrize(
    ("text", "message"), [("<a><b></a>", "not an annotation in XML"), ("<a>" * 40 + "</a>" * 40, "levels")]
)
def test_what_is_broken_or_too_deep_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "a.xml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_xml(file)


def test_many_pieces_of_text_take_linear_time(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_text("<a><b>" + "x<!---->" * 400_000 + "</b></a>")
    started = time.process_time()
    assert read_xml(file).value("b") == "x" * 400_000
    assert time.process_time() - started < 4.0
