"""Texts of users and files are printed as they are: nothing in them is markup or steers the terminal."""

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edgecnn.core.errors import UsageError
from edgecnn.ui.cli.console import column_widths, print_error, print_table, print_text, printable

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


TARGETS = [
    (
        name,
        "int8",
        "1.23 MB",
        "87.50 %",
        "+0.25 [-0.50, +1.00]",
        "99.1 %",
        "36.0 dB",
        "1.25 ms",
        "0.81",
        "ships",
    )
    for name in (
        "onnx-fp32",
        "onnx-int8",
        "tflite-fp32",
        "tflite-int8",
        "openvino-fp16",
        "openvino-int8",
        "mine",
    )
]
COLUMNS = ("target", "precision", "size", "top-1", "drop", "agreement", "SQNR", "latency", "ratio", "result")


def printed(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Print a table on a terminal of this width, and return its lines."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    print_table("run", columns, rows, to=console)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_wide_terminal_shows_a_row_in_a_line() -> None:
    assert len(printed(COLUMNS, TARGETS, 120)) == 2 + len(TARGETS)


@pytest.mark.parametrize("width", [80, 60, 40])
def test_seven_targets_on_a_narrow_terminal_are_paragraphs(width: int) -> None:
    lines = printed(COLUMNS, TARGETS, width)
    assert max(map(len, lines)) <= width
    assert [line for line in lines if not line.startswith(" ")] == ["run", *(row[0] for row in TARGETS)]
    for pair in ("precision: int8", "drop: +0.25 [-0.50, +1.00]", "agreement: 99.1 %", "result: ships"):
        assert sum(pair in line for line in lines) == len(TARGETS), f"{pair} is broken"


def test_rows_of_one_target_stand_below_its_name() -> None:
    layers = [
        ("onnx-int8", "layer", f"features.{n}.conv.0.0.weight_zero_point", "1" * 30, "2" * 30) for n in "12"
    ]
    lines = printed(("target", "what", "name", "A", "B"), layers, 80)
    assert lines[:2] == ["run", "onnx-int8"]
    assert lines[2] == "  what: layer  name: features.1.conv.0.0.weight_zero_point"
    assert lines[3] == f"  A: {'1' * 30}  B: {'2' * 30}"
    assert len(lines) == 6


def test_a_long_note_is_wrapped_between_words() -> None:
    note = "an older version wrote the manifest, or somebody removed its digest"
    lines = printed(("check", "limit", "note"), [("digest", "at least 60", note)], 50)
    assert max(map(len, lines)) <= 50
    assert "at least 60" in "".join(lines)
    assert " ".join(" ".join(line[20:] for line in lines[2:]).split()) == note


@given(
    st.lists(st.lists(st.text("ab ", max_size=30), min_size=3, max_size=3), min_size=1), st.integers(5, 100)
)
def test_columns_never_need_more_than_the_terminal(rows: list[list[str]], width: int) -> None:
    found = column_widths(rows, width)
    if found is not None:
        assert sum(found) + 4 <= width
