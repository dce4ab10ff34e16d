from __future__ import annotations

import pytest

from edgecnn.core.text import did_you_mean, first_line, one_line


def test_the_most_similar_names_come_first() -> None:
    known = ["resnet18", "mobilenetv3", "mobilenetv2"]
    assert did_you_mean("mobilnetv2", known, most=2) == "did you mean 'mobilenetv2' or 'mobilenetv3'?"


def test_a_name_unlike_all_others_gets_no_hint() -> None:
    assert did_you_mean("xyz", ["resnet18"]) is None


@pytest.mark.parametrize("shorten", [one_line, first_line])
def test_an_error_without_words_is_named_by_its_type(shorten: type[str]) -> None:
    assert shorten(KeyError()) == "KeyError"
    assert shorten(ValueError(" \n ")) == "ValueError"


@pytest.mark.parametrize("shorten", [one_line, first_line])
def test_a_long_message_is_cut(shorten: type[str]) -> None:
    assert shorten(ValueError("a" * 1000)) == "a" * 300


def test_colors_of_terminals_are_removed() -> None:
    assert first_line(RuntimeError("\x1b[31mno such operator\x1b[0m\nmore")) == "no such operator"
