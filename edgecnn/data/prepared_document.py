"""What ``prepared.json`` of a prepared set holds.

It lies in a module of its own because it imports pydantic, which who only reads pictures does without.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError

from edgecnn.core.documents.document import Document, reason


class PreparedDocument(Document):
    """Classes, names, contract and digest of a prepared set."""

    schema_version: int = Field(alias="schema")
    classes: tuple[str, ...]
    names: tuple[str, ...]
    contract: dict[str, Any]
    skipped: dict[str, str]
    digest: str
    objects: bool = False


def read_document(data: object) -> PreparedDocument:
    """Return the document that JSON data are.

    Raises:
        ValueError: They are none; the message names the first field that is wrong.
    """
    try:
        return PreparedDocument.model_validate(data)
    except ValidationError as error:
        raise ValueError(reason(error)) from error
