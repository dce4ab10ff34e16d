"""Results of checks as JUnit XML, which every CI service displays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from edgecnn.core.documents.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.documents.check import CheckRow

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(rows: Sequence[CheckRow]) -> str:
    """Return one suite per target and one case per check.

    An inconclusive check counts as skipped, with ``--strict`` as a failure.
    """
    root = ElementTree.Element("testsuites", name="edgecnn")
    for target in dict.fromkeys(row.target for row in rows):
        own = [row for row in rows if row.target == target]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_text(target),
            tests=str(len(own)),
            failures=str(sum(not row.passed for row in own)),
            skipped=str(sum(_skipped(row) for row in own)),
            errors="0",
        )
        for row in own:
            _case(suite, row)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, row: CheckRow) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=_text(f"edgecnn.{row.target}.{row.kind}"), name=_text(row.check)
    )
    if not row.passed:
        ElementTree.SubElement(case, "failure", message=_text(str(row)))
    elif _skipped(row):
        ElementTree.SubElement(case, "skipped", message=_text(str(row)))


def _skipped(row: CheckRow) -> bool:
    """Return whether a row decides nothing and is no failure."""
    return row.passed and row.verdict is Verdict.INCONCLUSIVE


def _text(text: str) -> str:
    """Return text without the characters that XML 1.0 forbids."""
    return _NOT_XML.sub("\ufffd", text)
