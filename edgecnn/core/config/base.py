"""The base class of every schema: strict, frozen, without unknown keys."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

if TYPE_CHECKING:
    from collections.abc import Iterator


class Schema(BaseModel):
    """A configuration object; its fields are the API, and a key that is not a field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_as_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse ``true`` where a number is meant: pydantic would read it as 1."""
        if isinstance(value, bool) and info.field_name is not None:
            wanted = set(members(cls.model_fields[info.field_name].annotation))
            if wanted & {int, float} and not wanted & {bool, Any}:
                raise ValueError(f"{str(value).lower()} is no number")
        return value


def members(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation allows, without ``Annotated``, ``Union`` and the like."""
    inside = get_args(annotation)
    if not inside or get_origin(annotation) is Literal:
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from members(inside[0])
    elif get_origin(annotation) in (Union, UnionType):
        for one in inside:
            yield from members(one)
