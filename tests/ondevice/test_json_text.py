from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.ondevice.json_text import MOST_DEPTH, parse_json

SIMPLE = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
)
JSON = st.recursive(
    SIMPLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab[{\\"', max_size=4), inner),
    max_leaves=12,
)


@given(JSON, st.booleans())
def test_what_json_writes_is_read_again(data: object, ascii_only: bool) -> None:
    text = json.dumps(data, ensure_ascii=ascii_only)
    assert parse_json(text) == data
    assert parse_json(b"\xef\xbb\xbf" + text.encode()) == data


@given(st.binary(max_size=200) | st.text('{}[]",:\\u0d8 1e.-tfn', max_size=200))
def test_garbage_is_data_or_one_line(text: bytes | str) -> None:
    try:
        message = f"it is {parse_json(text)!a}"
    except ValueError as error:
        message = str(error)
    assert message.startswith("it ")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is no JSON"),
        (b"\xff", "byte 0 is not UTF-8"),
        ("{}".encode("utf-16"), "is not UTF-8"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1), "nested too deeply"),
        ('["' + '\\"' * 100_000 + "[" * 100, "it is no JSON"),
        ("9" * 5000, "a whole number beyond 64 bits: 9999"),
        (str(2**63), "a whole number beyond 64 bits"),
        ("1e400", "beyond the range of a float: 1e400"),
        ("[-1e999]", "beyond the range of a float"),
        ("[NaN]", "it holds NaN"),
        ("-Infinity", "it holds -Infinity"),
        ('{"a": 1, "b": 2, "a": 3}', "it names 'a' twice"),
        (r'["\ud800"]', "not Unicode"),
        (r'["\udc80"]', "not Unicode"),
        (r'{"\uDFFF": 1}', "not Unicode"),
        (r'["\udc80\ud800"]', "not Unicode"),
        (r'{"a\u0000": 1}', "contains NUL"),
        ("\0", "it is no JSON"),
    ],
)
def test_what_no_file_of_ours_holds_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=r"^it ") as caught:
        parse_json(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


def test_escapes_that_only_look_odd_are_text() -> None:
    assert parse_json(r'["\\u0000", "\\ud800", "\ud83d\ude00"]') == ["\\u0000", "\\ud800", "\U0001f600"]
    assert parse_json("[-0, -0.0, 1E2]") == [0, 0.0, 100.0]
    assert parse_json("[" * MOST_DEPTH + "]" * MOST_DEPTH)


def test_a_text_may_be_larger_only_where_the_caller_says_so() -> None:
    text = json.dumps(["x" * 100])
    with pytest.raises(ValueError, match="it is larger than 50 bytes"):
        parse_json(text, most=50)
    assert parse_json(text, most=200)


def test_a_process_of_ours_may_send_any_number_and_any_path() -> None:
    data = ["\udcff", float("inf"), 10**40]
    assert parse_json(json.dumps(data), wire=True) == data
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json("[" * 1000, wire=True)


def test_time_grows_linearly_with_the_text() -> None:
    text = json.dumps([{"name": f'"{number}\\', "sides": [number, [number]]} for number in range(100_000)])
    started = time.process_time()
    parse_json(text)
    assert time.process_time() - started < 5.0, f"{len(text)} characters"
