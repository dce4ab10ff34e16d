"""Texts of users and files are printed as they are: nothing in them is markup or steers the terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.errors import UsageError
from edgecnn.ui.cli.console import print_error, print_table, print_text, printable

ODD_TEXTS = [
    r"a\[/x]",
    "[bold]b[/]",
    "[/]",
    ":smile:",
    "\\",
    "a\\\\[/b]",
    "[link=file:///]x",
]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_a_message_is_printed_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_error(UsageError(f"no file {text}", hint=f"give {text}"))
    assert capsys.readouterr().err == f"error: no file {text}\nhint: give {text}\n"


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_a_table_is_printed_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", [text], [[text]])
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [text, text]


def test_a_message_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(UsageError("no file \x1b[2J\udc80.onnx"))
    assert capsys.readouterr().err == "error: no file \\x1b[2J\\udc80.onnx\n"


def test_a_path_that_has_no_encoding_is_printed_as_its_bytes(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    print_text("out/\udc80")
    assert capfdbinary.readouterr().out == b"out/\x80\n"


@given(st.text(st.characters()))
def test_what_is_printable_has_an_encoding_and_no_control_character(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert all(c.isprintable() or c == "\n" for c in shown)
