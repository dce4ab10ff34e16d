"""Tests of the properties that every document has."""

from __future__ import annotations

import importlib
import pkgutil

import edgecnn
from edgecnn.core.documents.document import Document

MODULES = ("edgecnn.core.documents", "edgecnn.core.store", "edgecnn.ui.api")


def _documents(kind: type[Document] = Document) -> list[type[Document]]:
    return [*kind.__subclasses__(), *(one for sub in kind.__subclasses__() for one in _documents(sub))]


def test_every_document_knows_the_types_of_its_fields_and_has_a_name_of_its_own() -> None:
    for module in pkgutil.walk_packages(edgecnn.__path__, "edgecnn."):
        if module.name.startswith(MODULES):
            importlib.import_module(module.name)
    found = {one for one in _documents() if one.__module__.startswith("edgecnn.")}
    unknown = [one.__name__ for one in found if one.model_rebuild(raise_errors=False) is False]
    assert not unknown, f"a type of a field is imported for the type checker only: {unknown}"
    names = [one.__name__ for one in found]
    assert len(names) == len(set(names)), "two documents share a name"
