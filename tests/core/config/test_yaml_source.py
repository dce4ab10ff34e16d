import time
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from edgecnn.core.config.base import Schema
from edgecnn.core.config.quantities import Size
from edgecnn.core.config.yaml_source import MAX_BYTES, merge, override, parse_yaml, read_yaml, validate
from edgecnn.core.errors import UsageError


class Inner(Schema):
    epochs: int = 1
    size: Size = 0


class Outer(Schema):
    name: str
    train: Inner = Inner()
    parts: dict[str, Inner] = Field(default_factory=dict)


def test_values_and_their_lines_are_kept() -> None:
    source = parse_yaml("name: a\ntrain:\n  epochs: 3\n  size: 2 kB\n", "p.yaml")
    assert validate(source, Outer) == Outer(name="a", train=Inner(epochs=3, size=2000))
    assert source.locate(("train", "size")) == "p.yaml:4"


def test_an_unknown_key_is_refused_with_file_line_and_the_nearest_key() -> None:
    source = parse_yaml("name: a\ntrain:\n  epoch: 3\n", "p.yaml")
    with pytest.raises(UsageError, match=r"p\.yaml:3: unknown key 'train\.epoch'") as caught:
        validate(source, Outer)
    assert caught.value.hint == "did you mean 'epochs'?"


def test_an_unknown_key_inside_a_mapping_of_models_is_found_too() -> None:
    source = parse_yaml("name: a\nparts:\n  one:\n    sice: 1\n", "p.yaml")
    with pytest.raises(UsageError, match=r"p\.yaml:4") as caught:
        validate(source, Outer)
    assert caught.value.hint == "did you mean 'size'?"


def test_a_key_far_from_all_lists_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        validate(parse_yaml("name: a\nzzzzz: 3\n", "p.yaml"), Outer)
    assert caught.value.hint == "known keys here: name, parts, train"


def test_a_wrong_value_names_its_line_and_its_unit() -> None:
    with pytest.raises(UsageError, match=r"p\.yaml:3: train\.size: '3 ms' is not a size: unit 'ms'"):
        validate(parse_yaml("name: a\ntrain:\n  size: 3 ms\n", "p.yaml"), Outer)


def test_a_mistyped_key_is_one_error_although_the_right_one_is_missing() -> None:
    with pytest.raises(UsageError) as caught:
        validate(parse_yaml("nmae: a\n", "p.yaml"), Outer)
    assert caught.value.message == "p.yaml:1: unknown key 'nmae'"
    assert caught.value.hint == "did you mean 'name'?"


def test_a_missing_key_is_named_beside_an_unknown_one_that_is_not_like_it() -> None:
    with pytest.raises(UsageError) as caught:
        validate(parse_yaml("zzzzz: a\n", "p.yaml"), Outer)
    assert "key 'name' is missing" in caught.value.message
    assert "unknown key 'zzzzz'" in caught.value.message


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "ranges: msee",
            "p.yaml:2: parts.ranges: 'msee' is not one of 'mse' or 'auto' and not a number",
            "mse",
        ),
        ("ranges: []", "p.yaml:2: parts.ranges: an empty list is not one of", None),
        ("sides: [1, x]", "p.yaml:2: parts.sides.1: 'x' is not a whole number", None),
        ("sides: [1]", "p.yaml:2: parts.sides.1: a value is missing", None),
        ("sides: 3", "p.yaml:2: parts.sides: 3 is not a list", None),
        ("names: {x: 1}", "p.yaml:2: parts.names.x: 'x' is not a whole number", None),
        ("inner: 3", "p.yaml:2: parts.inner: 3 is not a mapping of keys", None),
        ("inner: {epochs: x}", "p.yaml:2: parts.inner.epochs: 'x' is not a whole number", None),
        ("inner: {epohcs: 1}", "p.yaml:2: unknown key 'parts.inner.epohcs'", "epochs"),
        ("inner: {epochs: true}", "p.yaml:2: parts.inner.epochs: true is no number", None),
    ],
)
def test_every_wrong_value_is_one_error_in_plain_words(text: str, message: str, hint: str | None) -> None:
    class Parts(Schema):
        ranges: Literal["mse", "auto"] | float | None = None
        sides: tuple[int, int] | None = None
        names: dict[int, int] | None = None
        inner: Inner | None = None

    class Holder(Schema):
        parts: Parts

    with pytest.raises(UsageError) as caught:
        validate(parse_yaml(f"parts:\n  {text}\n", "p.yaml"), Holder)
    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message
    assert caught.value.hint == (None if hint is None else f"did you mean {hint!r}?")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UsageError, match="key 'name' is missing"):
        validate(parse_yaml("train: {}\n", "p.yaml"), Outer)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nname: b\n", "p.yaml:2: key 'name' appears twice"),
        ("name: [a\n", "p.yaml:2: "),
        ("- a\n", "must be a mapping"),
        ("a: &x 1\nb: *x\n", "aliases are not accepted"),
        ("? [1]\n: 2\n", "a key must be plain text"),
        ("name: !!python/object/apply:os.system ['true']\n", "p.yaml:1: the YAML tag"),
        ("a: 1\nb: !!set {x}\n", "p.yaml:2: the YAML tag"),
        ("a: 2001-01-01\n", "p.yaml:1: the YAML tag"),
        ("a: !!binary aGk=\n", "p.yaml:1: the YAML tag"),
        ("a: !!map x\n", "p.yaml:1: the YAML tag"),
        ("a: !!str {x: 1}\n", "p.yaml:1: the YAML tag"),
        ("a: !!int x\n", "p.yaml:1: 'x' is not a whole number"),
        ("a: !!bool ''\n", "p.yaml:1: '' is not true or false"),
        ("a: 1\n\nb: .nan\n", "p.yaml:3: .nan is not a finite number"),
        ("a: -.inf\n", "is not a finite number"),
        ("a: 1.0e+400\n", "is not a finite number"),
        ("a: " + "9" * 5000, "p.yaml:1: the number has 5000 characters"),
        ("a: 0x" + "f" * 100_000, "the number has"),
        ("a: 1" + ":59" * 20_000, "the number has"),
        ("a: 9223372036854775808", "a whole number beyond 64 bits"),
        ("a: \0", "p.yaml:1: the character U+0000"),
        ("a: 1\nb: \ud800", "p.yaml:2: the character U+D800"),
        ("a: 1\n---\nb: 2\n", "p.yaml:2: a second document begins here"),
        ("a0: &a0 x\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 30)), "p.yaml:2"),
        ("x", "must be a mapping"),
        ("a: 'x", "p.yaml:"),
        ("a: b: c", "p.yaml:1: mapping values are not allowed"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_yaml(text, "p.yaml")
    assert message in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 600 + "]" * 600,
        "[" * 60_000,
        "{a: " * 15_000,
        "- " * 30_000,
        "? " * 30_000,
        "".join(" " * level + "a:\n" for level in range(300)),
    ],
)
def test_deep_nesting_ends_in_an_error_at_once(text: str) -> None:
    started = time.process_time()
    with pytest.raises(UsageError, match=r"nested too deeply|a key must be plain text"):
        parse_yaml(text, "p.yaml")
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{number}: 1\n" for number in range(6000)),
        "#\n" * 30_000,
        "a: '" + "''" * 30_000 + "'",
        "a: " + "x" * 60_000,
        "a: [" + "1," * 30_000 + "1]",
    ],
)
def test_the_largest_file_takes_no_longer_than_a_moment(text: str) -> None:
    started = time.process_time()
    parse_yaml(text, "p.yaml")
    assert time.process_time() - started < 3.0


@given(st.text("a1:-?[]{}&*!|>'\"%@`,#.~ \n\t\0\ud800\ufeff", max_size=60) | st.text(max_size=60))
def test_any_text_is_a_mapping_or_one_line(text: str) -> None:
    try:
        message = f"p.yaml has {len(parse_yaml(text, 'p.yaml').data)} keys"
    except UsageError as error:
        message = error.message
    assert message.startswith("p.yaml")
    assert len(message.splitlines()) == 1


def test_what_people_write_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbf---\r\na: &x yes\r\nb: [0x10, -0, 1.5e+3, ~, '1', !!str 2]\r\n...\r\n")
    assert read_yaml(file).data == {"a": True, "b": [16, 0, 1500.0, None, "1", "2"]}
    file.write_bytes(b"")
    assert read_yaml(file).data == {}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("a", "not of the form"),
        ("a..b=1", "not of the form"),
        (".".join("a" * 20_000) + "=1", "a depth of 20000"),
        ("a=1\nb: 2", "more than one value"),
        ("a=" + "[" * 3000, "nested too deeply"),
        ("a=\0", "the character U+0000"),
        ("a=: : :", "override 'a=: : :'"),
    ],
)
def test_overrides_that_are_no_value_are_refused(assignment: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        override(parse_yaml("name: a", "p.yaml"), assignment)
    assert message in caught.value.message
    assert len(caught.value.message) < 300


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"binary\.yaml is not UTF-8 text"):
        read_yaml(tmp_path / "binary.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(UsageError, match="larger than"):
        read_yaml(tmp_path / "huge.yaml")


def test_merging_keeps_the_line_of_whoever_set_a_key() -> None:
    merged = merge(
        parse_yaml("train: {epochs: 1, size: 5}\nname: a", "base.yaml"),
        parse_yaml("train: {epochs: 2}", "own.yaml"),
    )
    assert merged.data == {"train": {"epochs": 2, "size": 5}, "name": "a"}
    assert merged.locate(("train", "size")) == "base.yaml:1"
    assert merged.locate(("train", "epochs")) == "own.yaml:1"


def test_overrides_are_yaml_and_named_in_errors() -> None:
    source = override(parse_yaml("name: a", "p.yaml"), "train.size=3 kB")
    assert validate(source, Outer).train.size == 3000
    with pytest.raises(UsageError, match=r"override 'train\.epoch=1': unknown key"):
        validate(override(source, "train.epoch=1"), Outer)


@pytest.mark.parametrize("text", ["train", "=1", ".a=1", "a..b=1"])
def test_an_override_needs_a_key_and_a_value(text: str) -> None:
    with pytest.raises(UsageError, match=r"not of the form key\.key=value"):
        override(parse_yaml("name: a", "p.yaml"), text)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        assert isinstance(parse_yaml(text, "p.yaml").data, dict)
    except UsageError as error:
        assert "p.yaml" in error.message  # noqa: PT017 - any text is either read or refused
