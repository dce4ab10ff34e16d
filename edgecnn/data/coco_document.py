"""The part of a COCO file that edgecnn reads; everything else in the file is ignored.

It is a module of its own because it imports pydantic, which the readers of other datasets do not need.
"""

from __future__ import annotations

import codecs

from pydantic import BaseModel, ConfigDict, ValidationError

from edgecnn.core.documents.document import reason


class _Entry(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: int


class Category(_Entry):
    """A class of objects."""

    name: str


class Picture(_Entry):
    """An image: its file and its size in pixels."""

    file_name: str
    height: int | None = None
    width: int | None = None


class Annotation(BaseModel):
    """An object: its box is the left, the top, the width and the height in pixels."""

    id: int | str | None = None
    image_id: int
    category_id: int
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
