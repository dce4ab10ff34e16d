"""The base of every document: frozen, typed, and strict about what it reads."""

from __future__ import annotations

import math
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, PlainSerializer, ValidationError, model_validator

from edgecnn.core.errors import InputError


def _json_number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


Number = Annotated[float, PlainSerializer(_json_number, when_used="json")]
"""A float that may be infinite or NaN; JSON has neither, so such a number is written as a string."""


class Document(BaseModel):
    """Typed data that one part of edgecnn writes and another reads.

    A document never changes, and a field that it does not know is an error. What a document computes from its
    fields (``computed_field``) is written for the reader's convenience, and computed again when it is read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _without_computed_fields(cls, data: Any) -> Any:
        computed = cls.model_computed_fields
        if not computed or not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if name not in computed}

    def to_json(self) -> dict[str, Any]:
        """Return the document as plain data that JSON can hold."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: object, name: str = "") -> Self:
        """Read a document from plain data.

        Args:
            data: What :meth:`to_json` returned.
            name: What the error calls the data, such as the path of its file.

        Raises:
            InputError: A field is missing, unknown, or of another type.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise InputError(f"{name or 'the data'} is not a {cls._words()}: {_reason(error)}") from error

    @classmethod
    def _words(cls) -> str:
        """Return the class name in lower-case words, such as ``npu report``."""
        return "".join(
            f" {letter.lower()}" if letter.isupper() else letter for letter in cls.__name__
        ).strip()


def _reason(error: ValidationError) -> str:
    """Return the first of a document's faults in one line, with the place where it lies."""
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    reason = problem["msg"].removeprefix("Value error, ")
    return " ".join((f"{place}: {reason}" if place else reason).split())[:300]
