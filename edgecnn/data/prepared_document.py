"""The content of ``prepared.json``.

It is a separate module because it imports pydantic, which readers of images do not need.
"""

from __future__ import annotations

from pydantic import Field, ValidationError

from edgecnn.core.documents.document import Document, reason
from edgecnn.ondevice.contract import Contract


class PreparedDocument(Document):
    """Classes, names, contract and digest of a prepared set."""

    schema_version: int = Field(alias="schema")
    classes: tuple[str, ...]
    names: tuple[str, ...]
    contract: Contract
    skipped: dict[str, str]
    digest: str
    objects: bool = False


def read_document(data: object) -> PreparedDocument:
    """Return JSON data as a document.

    Raises:
        ValueError: The data is not such a document; the message names the first wrong field.
    """
    try:
        return PreparedDocument.model_validate(data)
    except ValidationError as error:
        raise ValueError(reason(error)) from error
