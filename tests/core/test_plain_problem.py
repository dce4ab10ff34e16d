"""Whatever pydantic finds wrong in our documents is said in plain words."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

import edgecnn.core.config
import edgecnn.core.documents
from edgecnn.core.documents.document import Document, reason
from edgecnn.core.plain_problem import all_in_words, choices, in_words, sentence_of, speaks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = (
    *(
        f"{package.__name__}.{module.name}"
        for package in (edgecnn.core.config, edgecnn.core.documents)
        for module in pkgutil.iter_modules(package.__path__)
    ),
    "edgecnn.core.task",
    "edgecnn.data.coco_document",
    "edgecnn.data.prepared_document",
    "edgecnn.backends.vela.options",
    "edgecnn.backends.qnn.options",
    "edgecnn.backends.rknn.options",
)
"""Modules with schemas of what is read from files."""

BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
LENGTHS = ("too_short", "too_long")
OWN = ("value_error", "assertion_error")
ERRORS: dict[str, tuple[str, ...]] = {
    "any": (),
    "bool": ("bool_type", "bool_parsing"),
    "dataclass": ("dataclass_type", "dataclass_exact_type"),
    "dataclass-args": ("missing", "unexpected_keyword_argument"),
    "dict": ("dict_type", *LENGTHS),
    "enum": ("enum",),
    "float": ("float_type", "float_parsing", "finite_number", *BOUNDS),
    "function-after": OWN,
    "function-before": OWN,
    "function-plain": OWN,
    "function-wrap": OWN,
    "int": ("int_type", "int_parsing", "int_parsing_size", "int_from_float", "finite_number", *BOUNDS),
    "is-instance": ("is_instance_of",),
    "list": ("list_type", "recursion_loop", *LENGTHS),
    "literal": ("literal_error",),
    "model": ("model_type", "model_attributes_type"),
    "model-fields": ("missing", "extra_forbidden", "invalid_key", "recursion_loop"),
    "none": ("none_required",),
    "str": (
        "string_type", "string_sub_type", "string_unicode", "string_too_short", "string_too_long",
        "string_pattern_mismatch",
    ),
    "tagged-union": ("union_tag_invalid", "union_tag_not_found"),
    "tuple": ("tuple_type", "missing", *LENGTHS),
}  # fmt: skip
"""The errors that each part of pydantic's own schemas can give, by the part's name."""

PARTS_WITHOUT_ERRORS = {
    "computed-field", "dataclass-field", "default", "definition-ref", "definitions", "json-or-python",
    "lax-or-strict", "model-field", "no-info", "nullable", "union", "with-info",
}  # fmt: skip


def schemas() -> list[type[BaseModel]]:
    """Return every model of edgecnn that the modules define."""
    for module in MODULES:
        importlib.import_module(module)

    def below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
        for each in model.__subclasses__():
            yield each
            yield from below(each)

    return sorted(
        {model for model in below(BaseModel) if model.__module__.startswith("edgecnn.")},
        key=lambda model: f"{model.__module__}.{model.__name__}",
    )


def parts(schema: object) -> Iterator[str]:
    """Yield the names of a core schema's parts."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema["type"]
        for name, inside in schema.items():
            if name not in ("metadata", "serialization", "expected", "default"):
                yield from parts(inside)
    elif isinstance(schema, (list, tuple)):
        for inside in schema:
            yield from parts(inside)


def test_every_error_that_our_documents_can_give_has_plain_words() -> None:
    models = schemas()
    assert len(models) > 100, "the schemas were not found"
    found = {
        part for model in models for part in parts(model.__pydantic_core_schema__)
    } - PARTS_WITHOUT_ERRORS
    assert not found - set(ERRORS), "say which errors these parts give"
    kinds = {kind for part in found for kind in ERRORS[part]} | {"json_invalid"}
    assert not [kind for kind in kinds if not speaks_of(kind)]


class Part(Document):
    """A part with a kind."""

    kind: Literal["a"]


class Other(Document):
    """A part of another kind."""

    kind: Literal["b"]


@dataclass
class Pair:
    """Arguments of a child process."""

    left: int


AT_LEAST_ONE = Annotated[list[int], Field(min_length=1)]
CASES: list[tuple[Any, Any, str]] = [
    (int, "x", "'x' is not a whole number"),
    (int, 1.5, "1.5 is not a whole number"),
    (int, [1], "a list is not a whole number"),
    (int, None, "null is not a whole number"),
    (int, "1" * 5000, f"'{'1' * 60}'... has too many digits"),
    (float, "x", "'x' is not a number"),
    (float, {}, "a mapping of keys is not a number"),
    (Annotated[float, Field(allow_inf_nan=False)], "inf", "'inf' is not a finite number"),
    (Annotated[float, Field(gt=0)], 0, "0 is too small; it must be more than 0"),
    (Annotated[int, Field(ge=1)], 0, "0 is too small; it must be at least 1"),
    (Annotated[float, Field(lt=1)], 1.5, "1.5 is too large; it must be less than 1"),
    (Annotated[int, Field(le=10_000)], 20_000, "20000 is too large; it must be at most 10000"),
    (str, 3, "3 is not text"),
    (str, ["a"], "a list is not text"),
    (Annotated[str, Field(min_length=1)], "", "'' is too short; the smallest number of characters is 1"),
    (Annotated[str, Field(min_length=3)], "a", "'a' is too short; the smallest number of characters is 3"),
    (Annotated[str, Field(max_length=2)], "abc", "'abc' is too long; the largest number of characters is 2"),
    (Annotated[str, Field(pattern="^a$")], "b", "'b' does not have the form ^a$"),
    (str, b"\xff", "the text is not Unicode"),
    (bool, "x", "'x' is not true or false"),
    (bool, 3.5, "3.5 is not true or false"),
    (None, 3, "3 is not null"),
    (dict[str, int], [], "an empty list is not a mapping of keys"),
    (list[int], 3, "3 is not a list"),
    (tuple[int, ...], "abc", "'abc' is not a list"),
    (tuple[int, int], [1], "a value is missing"),
    (tuple[int, int], [1, 2, 3], "too many values are given; the largest number of them is 2"),
    (AT_LEAST_ONE, [], "too few values are given; the smallest number of them is 1"),
    (Literal["a", "b"], "c", "'c' is not one of 'a' or 'b'"),
    (Literal["a"], "c", "'c' is not 'a'"),
    (Part, 3, "3 is not a mapping of keys"),
    (Part, {}, "kind is missing"),
    (Part, {"kind": "a", "more": 1}, "unknown key 'more'"),
    (Part, {"kind": "b"}, "kind: 'b' is not 'a'"),
    (Pair, {}, "left is missing"),
    (Pair, 3, "3 is not a mapping of keys"),
    (Annotated[Part | Other, Field(discriminator="kind")], {"kind": "c"}, "'c' is not one of 'a', 'b'"),
    (
        Annotated[Part | Other, Field(discriminator="kind")],
        {},
        "the key 'kind' is missing, which says of what kind this is",
    ),
]  # fmt: skip

FOREIGN = re.compile(r"Input|valid |should|Field|Extra|permitted|validation|dictionary|tuple|integer|string")
"""Words of pydantic's messages."""


@pytest.mark.parametrize(("kind", "value", "words"), CASES)
def test_an_error_in_plain_words(kind: Any, value: object, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    problem = caught.value.errors(include_url=False)[0]
    said = sentence_of(problem)
    assert said.removeprefix("1: ") == words
    assert not FOREIGN.search(said)


def test_a_value_of_several_kinds_is_one_sentence_with_the_names_that_it_can_have() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Literal["mse", "entropy"] | float).validate_python("msee")
    problems = caught.value.errors(include_url=False)
    assert all_in_words(problems) == "'msee' is not one of 'mse' or 'entropy' and not a number"
    assert choices(problems[0]) == ["mse", "entropy"]
    assert not choices(problems[1])


def test_kinds_without_common_words_are_joined() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Annotated[int, Field(ge=1)] | bool).validate_python(-3)
    problems = caught.value.errors(include_url=False)
    assert all_in_words(problems) == "-3 is too small; it must be at least 1, or -3 is not true or false"


def test_the_place_of_an_error_leaves_out_what_pydantic_inserts() -> None:
    class Holder(Document):
        sides: tuple[int, int] | int

    with pytest.raises(ValidationError) as caught:
        Holder.model_validate({"sides": ["x", 2]})
    assert reason(caught.value) == "sides.0: 'x' is not a whole number"


def test_text_that_is_not_json_and_an_error_that_is_new_have_words_too() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_json("{")
    assert reason(caught.value).startswith("this is not JSON: ")
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(complex).validate_python("x")
    assert in_words(caught.value.errors(include_url=False)[0]) == "'x' is not accepted"
