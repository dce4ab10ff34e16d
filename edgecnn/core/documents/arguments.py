"""Arguments of stages and of functions in child processes, which are passed as JSON and restored."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast, dataclass_transform

import pydantic
from pydantic import ConfigDict, TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Hashable

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, pydantic.Field))
def arguments(cls: type[T]) -> type[T]:
    """Make a class a frozen dataclass whose fields pydantic checks; unknown fields are errors.

    The names in its annotations must be imported at run time, not only for the type checker.
    """
    config = ConfigDict(extra="forbid", defer_build=True)  # a process uses few of the classes that it imports
    made: Any = pydantic.dataclasses.dataclass(frozen=True, config=config)(cls)
    return cast("type[T]", made)


def to_plain(value: Any) -> Any:
    """Return arguments as JSON values: paths become strings, tuples become lists."""
    kind: Any = type(value)
    return _adapter(kind).dump_python(value, mode="json")


def from_plain(kind: type[T], plain: object) -> T:
    """Return the arguments that :func:`to_plain` converted.

    Raises:
        pydantic.ValidationError: A field is missing, unknown or of another type.
    """
    found: T = _adapter(cast("Hashable", kind)).validate_python(plain)
    return found


@lru_cache(maxsize=256)
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
