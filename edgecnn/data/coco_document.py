"""The part of a COCO file that edgecnn reads; everything else in the file is ignored.

It is a module of its own because it imports pydantic, which the readers of other datasets do not need.
"""

from __future__ import annotations

import codecs
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgecnn.core.documents.document import reason
from edgecnn.data.sizes import MOST_SIDE

Id = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Side = Annotated[int, Field(ge=0, le=MOST_SIDE)]


class _Part(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True, allow_inf_nan=False)


class _Entry(_Part):
    id: Id


class Category(_Entry):
    """A class of objects."""

    name: str


class Picture(_Entry):
    """An image: its file and its size in pixels."""

    file_name: str
    height: Side | None = None
    width: Side | None = None


class Annotation(_Part):
    """An object: its box is the left, the top, the width and the height in pixels."""

    id: Id | str | None = None
    image_id: Id
    category_id: Id
    bbox: tuple[float, float, float, float] | tuple[()] = ()
    iscrowd: bool | None = False


class CocoFile(BaseModel):
    """A COCO file of boxes."""

    categories: list[Category]
    images: list[Picture]
    annotations: list[Annotation]


def parse_coco(content: bytes) -> CocoFile:
    """Read the content of a file.

    Raises:
        ValueError: The content is not JSON, or not of this form; the message names the first wrong field.
    """
    try:
        return CocoFile.model_validate_json(content.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        raise ValueError(reason(error)) from error
