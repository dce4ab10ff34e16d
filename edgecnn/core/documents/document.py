"""The base class of all documents in files: frozen, typed, and strict when reading."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    WrapSerializer,
    model_serializer,
    model_validator,
)

from edgecnn.core.errors import InputError
from edgecnn.core.plain_problem import sentence_of

T = TypeVar("T")


def _json_number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _none_if_empty(value: object) -> object:
    return None if value == {} else value


def _empty_if_none(value: object, handler: SerializerFunctionWrapHandler) -> Any:
    return {} if value is None else handler(value)


Number = Annotated[float, PlainSerializer(_json_number, when_used="json")]
"""A float that may be infinite or NaN, which JSON lacks; such a number is written as a string."""

Maybe = Annotated[T | None, BeforeValidator(_none_if_empty), WrapSerializer(_empty_if_none)]
"""An optional part of a document; files have ``{}`` in its place."""


class Document(BaseModel):
    """Typed data that one part of edgecnn writes to a file and another reads.

    A document never changes, and an unknown field is an error. Values that a document computes from its
    fields (``computed_field``) are written for users of the file, and computed again when it is read.
    """

    model_config = ConfigDict(
        extra="forbid",
        defer_build=True,  # a command reads few of the documents that it imports
        frozen=True,
        serialize_by_alias=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    left_out: ClassVar[frozenset[str]] = frozenset()
    """Fields that are not written if they are empty."""

    @model_validator(mode="before")
    @classmethod
    def _without_computed_fields(cls, data: Any) -> Any:
        computed = cls.model_computed_fields
        if not computed or not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if name not in computed}

    @model_serializer(mode="wrap")
    def _without_empty_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        written: dict[str, object] = handler(self)
        return {
            name: value
            for name, value in written.items()
            if name not in self.left_out or not (value is None or value in ("", {}, [], ()))
        }

    def to_json(self) -> dict[str, Any]:
        """Return the document as plain JSON data."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: object, name: str = "") -> Self:
        """Read a document from plain data.

        Args:
            data: Result of :meth:`to_json`.
            name: Name of the data in the error, such as the path of its file.

        Raises:
            InputError: A field is missing, unknown, or of another type.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise InputError(f"{name or 'the data'} is no {cls._words()}: {reason(error)}") from error

    @classmethod
    def _words(cls) -> str:
        """Return the class name in lower-case words, such as ``target summary``."""
        return re.sub("(?<!^)(?=[A-Z])", " ", cls.__name__).lower().replace("npu", "NPU")


def reason(error: ValidationError) -> str:
    """Return the first error of a document in one line, with its location."""
    return " ".join(sentence_of(error.errors(include_url=False)[0]).split())[:300]
