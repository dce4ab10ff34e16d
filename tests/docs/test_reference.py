"""The reference pages: every key has a meaning and shows the values that it may have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
_ROW = re.compile(r"^\| `(?P<key>[^`]+)` \| (?P<values>.*?) \| (?P<default>.*?) \| (?P<meaning>.*) \|$")


def rows(page: str) -> list[re.Match[str]]:
    found = re.split(r"\| key \| values \| default \| meaning \|\n", (REFERENCE / page).read_text("utf-8"))[
        1:
    ]
    lines = [line for table in found for line in table.split("\n\n")[0].splitlines()[1:]]
    return [match for line in lines if (match := _ROW.match(line.replace("\\|", "/")))]


@pytest.mark.parametrize("page", ["pipeline.md", "targets.md"])
def test_every_key_has_values_and_a_meaning(page: str) -> None:
    found = rows(page)
    assert len(found) > 40, "the tables were not found"
    assert not [row["key"] for row in found if not row["meaning"].strip() or not row["values"].strip()]


@pytest.mark.parametrize(
    ("page", "key", "values"),
    [
        ("pipeline.md", "resize", "`crop`, `squash`, `letterbox`"),
        ("pipeline.md", "interpolation", "`bilinear`, `bicubic`"),
        ("pipeline.md", "color", "`rgb`, `bgr`, `gray`"),
        ("pipeline.md", "height", "whole number, 1 to 8192"),
        ("pipeline.md", "crop_fraction", "number, more than 0, at most 1"),
        ("pipeline.md", "std", "list of [number, more than 0]"),
        ("pipeline.md", "macs", "share, more than 0, less than 1"),
        ("pipeline.md", "fetch", "`true`, `false`"),
        ("targets.md", "precision", "`fp32`, `fp16`, `int8`"),
        ("targets.md", "threads", "whole number, 1 to 256"),
        ("targets.md", "size", "size"),
    ],
)
def test_the_values_of_a_key_are_those_of_its_type(page: str, key: str, values: str) -> None:
    assert values in [row["values"] for row in rows(page) if row["key"] == key]


def test_instruction_sets_and_methods_are_listed() -> None:
    (isa,) = (row["values"] for row in rows("targets.md") if row["key"] == "isa")
    assert isa.startswith("`any`, `x86-64`,")
    (ranges,) = (row["values"] for row in rows("targets.md") if row["key"] == "ranges")
    assert ranges.endswith("`entropy`, or number")
