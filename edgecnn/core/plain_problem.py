"""Problems that pydantic finds in data, in plain words.

Pydantic's own messages speak of inputs and fields, and of types by their names in Python. A message here
names the value that was found and what belongs in its place, in the words that packages use too.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic_core import ErrorDetails

_SHOWN = 60

_MAPPING = "a mapping of keys"
_LIST = "a list"
_WHOLE = "a whole number"
_WANTED = {
    "string_type": "text",
    "string_sub_type": "text",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "null",
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dataclass_type": _MAPPING,
    "dataclass_exact_type": _MAPPING,
    "list_type": _LIST,
    "tuple_type": _LIST,
}
"""What belongs in the place of a value, by the error's type."""

_SENTENCES = {
    "greater_than": "{found} is too small; it must be more than {gt}",
    "greater_than_equal": "{found} is too small; it must be at least {ge}",
    "less_than": "{found} is too large; it must be less than {lt}",
    "less_than_equal": "{found} is too large; it must be at most {le}",
    "int_parsing_size": "{found} has too many digits",
    "too_short": "too few values are given; the smallest number of them is {min_length}",
    "too_long": "too many values are given; the largest number of them is {max_length}",
    "string_too_short": "{found} is too short; the smallest number of characters is {min_length}",
    "string_too_long": "{found} is too long; the largest number of characters is {max_length}",
    "string_pattern_mismatch": "{found} does not have the form {pattern}",
    "string_unicode": "the text is not Unicode",
    "is_instance_of": "{found} is not of the kind {class}",
    "union_tag_invalid": "{tag!r} is not one of {expected_tags}",
    "union_tag_not_found": "the key {discriminator} is missing, which says of what kind this is",
    "literal_error": "{found} is not {expected}",
    "enum": "{found} is not {expected}",
    "json_invalid": "this is not JSON: {error}",
    "missing": "a value is missing",
    "extra_forbidden": "this key is unknown",
    "unexpected_keyword_argument": "this key is unknown",
    "invalid_key": "a key is not text",
    "recursion_loop": "the value contains itself",
}
"""Whole sentences by the error's type, with places for the value and for what pydantic adds to an error."""

UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
"""Types of the error that a key is unknown."""

_OWN_WORDS = {"value_error": "Value error, ", "assertion_error": "Assertion failed, "}
"""Types of errors whose message is our own, with pydantic's prefix."""

_INSERTED = re.compile(r".*[\[(].*|constrained-(int|float|str)|nullable")
"""Names of a union's members, which pydantic inserts into the place of an error."""

_PLAIN_MEMBERS = ("int", "float", "bool", "str", "none")
"""Names of a union's plain members, inserted at the end of a place; a key may be called so too."""

_OF_MAPPINGS = ("missing", "model_type", "model_attributes_type", "dict_type")
"""Types of errors about keys, and about what should be a mapping."""


def speaks_of(kind: str) -> bool:
    """Return whether there are plain words for a type of pydantic's errors."""
    return kind in _WANTED or kind in _SENTENCES or kind in _OWN_WORDS


def in_words(problem: ErrorDetails) -> str:
    """Return what is wrong about a value, without its place.

    >>> from pydantic import TypeAdapter, ValidationError
    >>> try:
    ...     TypeAdapter(int).validate_python("many")
    ... except ValidationError as error:
    ...     print(in_words(error.errors()[0]))
    'many' is not a whole number
    """
    kind, found = problem["type"], _shown(problem["input"])
    if kind in _OWN_WORDS:
        return problem["msg"].removeprefix(_OWN_WORDS[kind])
    if kind in _WANTED:
        return f"{found} is not {_WANTED[kind]}"
    added = {name: _limit(name, value) for name, value in problem.get("ctx", {}).items()}
    return _SENTENCES.get(kind, "{found} is not accepted").format_map({**added, "found": found})


def all_in_words(problems: Iterable[ErrorDetails]) -> str:
    """Return in one sentence what is wrong about a value that may be of several kinds.

    >>> from pydantic import TypeAdapter, ValidationError
    >>> try:
    ...     TypeAdapter(int | bool).validate_python("many")
    ... except ValidationError as error:
    ...     print(all_in_words(error.errors()))
    'many' is not a whole number and not true or false
    """
    first, *others = dict.fromkeys(in_words(problem) for problem in problems)
    subject, middle, _ = first.partition(" is not ")
    joint = f"{subject}{middle}"
    return first + "".join(
        f" and not {other.removeprefix(joint)}" if middle and other.startswith(joint) else f", or {other}"
        for other in others
    )


def sentence_of(problem: ErrorDetails) -> str:
    """Return what is wrong in one line, with the place; a key that is missing or unknown is named."""
    place = _place_of(problem)
    if problem["type"] == "missing" and place and not isinstance(problem["loc"][-1], int):
        return f"{'.'.join(place)} is missing"
    if problem["type"] in UNKNOWN and place:
        text, place = f"unknown key {place[-1][:_SHOWN]!r}", place[:-1]
    else:
        text = in_words(problem)
    return f"{'.'.join(place)}: {text}" if place else text


def _place_of(problem: ErrorDetails) -> list[str]:
    """Return the keys and positions that lead to an error."""
    place = [str(part) for part in problem["loc"] if not _INSERTED.fullmatch(str(part))]
    of_a_mapping = problem["type"] in (
        "missing",
        "model_type",
        "model_attributes_type",
        "dict_type",
        *UNKNOWN,
    )
    return place[:-1] if place and place[-1] in _PLAIN_MEMBERS and not of_a_mapping else place


def choices(problem: ErrorDetails) -> Sequence[str]:
    """Return the names of which one had to be given; none if the error is of another type.

    >>> from typing import Literal
    >>> from pydantic import TypeAdapter, ValidationError
    >>> try:
    ...     TypeAdapter(Literal["crop", "squash"]).validate_python("corp")
    ... except ValidationError as error:
    ...     print(choices(error.errors()[0]))
    ['crop', 'squash']
    """
    expected = (
        problem.get("ctx", {}).get("expected", "") if problem["type"] in ("literal_error", "enum") else ""
    )
    return re.findall("'([^']*)'", expected)


def _limit(name: str, value: Any) -> Any:
    """Return what pydantic adds to an error as text: numbers as people write them, names as a choice."""
    if name == "expected" and re.search(",| or ", value):
        return f"one of {value}"
    return f"{value:g}" if isinstance(value, float) else value


def _shown(value: object) -> str:
    """Return a value as short text on one line."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}..."
    if isinstance(value, int):
        return str(value) if value.bit_length() < 200 else f"a number of {value.bit_length()} bits"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return _LIST if value else "an empty list"
    return _MAPPING if isinstance(value, dict) else f"a {type(value).__name__}"
