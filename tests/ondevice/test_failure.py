"""Messages quote what files hold, which may be any text of any length."""

from __future__ import annotations

import pytest

from edgecnn.core.errors import UsageError, together
from edgecnn.ondevice.failure import MOST_CHARACTERS, MOST_LINES, DamagedPackage, shortened


@pytest.mark.parametrize("kind", [UsageError, DamagedPackage])
def test_a_long_message_keeps_its_beginning_and_its_end(kind: type[Exception]) -> None:
    message = str(kind(f"there is no file {'a' * 100_000} in the folder b"))
    assert len(message) <= MOST_CHARACTERS
    assert message.startswith("there is no file aaa")
    assert message.endswith("aaa in the folder b")
    assert " [...] " in message


def test_a_hint_is_shortened_too() -> None:
    error = UsageError("no", hint="did you mean " + "b" * 100_000)
    assert error.hint is not None
    assert len(error.hint) <= MOST_CHARACTERS


@pytest.mark.parametrize("odd", ["\x1b[2J", "\0", "\r", "\t", "\x9b2J", "\u202e", "\u2028", "\ud800", "\x7f"])
def test_characters_that_steer_a_terminal_are_written_out(odd: str) -> None:
    shown = shortened(f"no file {odd}a")
    assert odd not in shown
    assert shown == f"no file {ascii(odd)[1:-1]}a"
    assert len(shortened(odd * MOST_CHARACTERS)) <= MOST_CHARACTERS
    shown.encode()


def test_other_letters_and_lines_stay() -> None:
    assert shortened("Größe 数\nzweite Zeile") == "Größe 数\nzweite Zeile"


def test_a_message_has_few_lines() -> None:
    error = together([UsageError(f"a.yaml:{number}: unknown key") for number in range(5000)])
    lines = str(error).splitlines()
    assert len(lines) == MOST_LINES + 1
    assert lines[0] == "a.yaml:0: unknown key"
    assert lines[-1] == f"and {5000 - MOST_LINES} more lines"
