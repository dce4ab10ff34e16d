"""Small untrusted XML files: bounded, without document types and therefore without entities to expand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.files import read_bounded
from edgecnn.core.xml_text import parse_xml

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 22
_MAX_DEPTH = 32
_MAX_ELEMENTS = 200_000


@dataclass
class Element:
    """An element without its attributes.

    Attributes:
        name: Its tag.
        text: The text directly in it, stripped.
        children: The elements in it, in order.
    """

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, path: str) -> Element | None:
        """Return the first element at a path of names such as ``size/width``; None if there is none."""
        name, _, rest = path.partition("/")
        child = next((child for child in self.children if child.name == name), None)
        return child.find(rest) if child is not None and rest else child

    def value(self, path: str) -> str:
        """Return the text of the first element at a path; empty if there is none."""
        element = self.find(path)
        return "" if element is None else element.text


def read_xml(file: Path) -> Element:
    """Read a file and return its root.

    Raises:
        InputError: The file cannot be read, is not XML, is too large or too deep, or declares a document
            type.
    """
    try:
        return _parse(read_bounded(file, MAX_BYTES))
    except ValueError as error:
        hint = "remove the DOCTYPE" if "document type" in str(error) else "write it again as XML in UTF-8"
        raise InputError(f"{file} is not an annotation in XML: {error}", hint=hint) from None


def _parse(data: bytes) -> Element:
    document = Element("")
    stack: list[tuple[Element, list[str]]] = [(document, [])]

    def start(name: str, _: dict[str, str]) -> None:
        element = Element(name)
        stack[-1][0].children.append(element)
        stack.append((element, []))

    def end(_: str) -> None:
        element, pieces = stack.pop()
        element.text = "".join(pieces).strip()

    def text(characters: str) -> None:
        stack[-1][1].append(characters)

    parse_xml(data, start=start, end=end, text=text, most_elements=_MAX_ELEMENTS, most_depth=_MAX_DEPTH)
    return document.children[0]
