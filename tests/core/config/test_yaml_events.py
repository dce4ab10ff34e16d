"""The YAML that is accepted: the data that PyYAML's safe loader gives, or one line that names the place."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.config.yaml_events import MAX_DEPTH, Reader
from edgecnn.core.errors import UsageError

PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text("ab 1:-#é\n", max_size=8)
TREES = st.recursive(
    PLAIN | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


def read(text: str) -> Any:
    return Reader("a.yaml").read(text)


@given(TREES)
def test_what_pyyaml_writes_is_read_alike(tree: Any) -> None:
    text = yaml.safe_dump(tree, allow_unicode=True)
    assert read(text) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~"])
def test_nothing_is_none(text: str) -> None:
    assert read(text) is None


def test_places_of_keys_and_items() -> None:
    reader = Reader("a.yaml")
    assert reader.read("one: 1\nlist:\n- x\n- deep: [1, 2]\n") == {"one": 1, "list": ["x", {"deep": [1, 2]}]}
    assert reader.where[("one",)] == "a.yaml:1"
    assert reader.where[("list",)] == "a.yaml:2"
    assert reader.where[("list", 1, "deep")] == "a.yaml:4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x\n", "a.yaml:2: YAML aliases are not accepted"),
        ("a: 1\nb: 2\na: 3\n", "a.yaml:3: key 'a' appears twice"),
        (
            "a: !!python/object/apply:os.system [true]\n",
            "a.yaml:1: the YAML tag '.*python.*' is not accepted",
        ),
        ("a: !!binary aGVsbG8=\n", "a.yaml:1: the YAML tag .*binary' is not accepted"),
        ("a: !own {b: 1}\n", "a.yaml:1: the YAML tag '!own' is not accepted"),
        ("? [a, b]\n: 1\n", "a.yaml:1: a key must be plain text"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2: a second document begins here"),
        (f"a: {2**63}\n", "is a whole number beyond 64 bits"),
        ("a: .nan\n", "'?.nan'? is not a finite number"),
        ("a: -.inf\n", "is not a finite number"),
        (f"a: {'9' * 41}\n", "the number has 41 characters"),
        ("a: [1, 2\n", "a.yaml:2: "),
        ("a:\n\t- 1\n", "a.yaml:2: "),
        ("a: \x07\n", r"a.yaml:1: the character U\+0007 is not accepted"),
    ],
)
def test_what_is_refused_names_its_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(text)


def test_depth_is_limited_where_it_begins() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(UsageError, match=f"nested too deeply, beyond {MAX_DEPTH} levels"):
        read("[" * 20_000)


def test_numbers_are_those_of_yaml() -> None:
    assert read("[0x10, 0o17, 1_000, 1e3, 1.5, 12e03, yes, 'no', !!str 1]") == [
        16,
        "0o17",
        1000,
        "1e3",
        1.5,
        "12e03",
        True,
        "no",
        "1",
    ]
    assert math.isclose(read("1.0e-3"), 0.001)
