"""XML from outside: bounded, without document types and therefore without entities to expand."""

from __future__ import annotations

import xml.parsers.expat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def parse_xml(
    content: bytes,
    *,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
    most_elements: int,
    most_depth: int,
) -> None:
    """Read XML in one pass.

    Args:
        content: The file's content.
        start: Called with the name and the attributes of each element that begins.
        end: Called with the name of each element that ends.
        text: Called with each piece of text.
        most_elements: Largest accepted number of elements.
        most_depth: Most elements inside each other.

    Raises:
        ValueError: The content is not XML, breaks a limit, or declares a document type; or what a function
            raised.
    """
    count = depth = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal count, depth
        count, depth = count + 1, depth + 1
        if count > most_elements or depth > most_depth:
            raise ValueError(f"it has more than {most_elements} elements or {most_depth} levels")
        start(name, attributes)

    def finish(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(name)

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type, which is not accepted")

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = finish
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(content, True)
    except (xml.parsers.expat.ExpatError, LookupError) as error:
        raise ValueError(str(error)) from None
