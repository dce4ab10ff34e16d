from pathlib import Path

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
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_yaml(text, "p.yaml")
    assert message in caught.value.message


def test_deep_nesting_ends_in_an_error() -> None:
    with pytest.raises(UsageError, match="nested too deeply"):
        parse_yaml("a: " + "[" * 600 + "]" * 600, "p.yaml")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"cannot read .*binary\.yaml"):
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
