"""What a process says of its work."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from edgecnn.core import doing
from edgecnn.core.doing import Heard, pipe_to, say, tell_progress


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Heard, list[tuple[int, int]]]]:
    told: list[tuple[int, int]] = []
    heard = Heard(lambda done, total: told.append((done, total)))
    monkeypatch.setattr(doing, "_pipe", None)
    with pipe_to(heard) as end:
        doing.speak_to(end)
        yield heard, told


def test_words_without_a_listener_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doing, "_pipe", None)
    say("measuring layer one")
    tell_progress(1, 2)


def test_nothing_is_said_of_a_child_that_was_silent() -> None:
    assert Heard(None).while_it_was() == ""


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([":rounding layer a", ":rounding layer b"], " while it was rounding layer b"),
        (["1 3", "2 3"], " with 2 of 3 done"),
        (["2 3", ":rounding layer c"], " while it was rounding layer c (2 of 3 done)"),
    ],
)
def test_the_last_words_and_the_last_place_are_repeated(lines: list[str], sentence: str) -> None:
    heard = Heard(None)
    for line in lines:
        heard.take(f"{line}\n")
    assert heard.while_it_was() == sentence


def test_what_is_said_arrives_in_one_line_of_bounded_length(
    pipe: tuple[Heard, list[tuple[int, int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, told = pipe
    sent: list[bytes] = []
    write = os.write

    def note(file: int, data: bytes) -> int:
        sent.append(data)
        return write(file, data)

    monkeypatch.setattr(os, "write", note)
    say("layer\n" + "größe " * 500)
    tell_progress(1, 2)
    assert [line.count(b"\n") for line in sent] == [1, 1]
    assert max(map(len, sent)) < 512, "a longer line may be torn by another process that writes"
    del heard, told


def test_programs_that_the_process_starts_do_not_hold_the_pipe(
    pipe: tuple[Heard, list[tuple[int, int]]],
) -> None:
    del pipe
    assert doing._pipe is not None
    assert not os.get_inheritable(doing._pipe)
