"""Tests of the output of checks for CI services."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.documents.check import CheckRow
from edgecnn.core.documents.verdict import Verdict
from edgecnn.ui.report.check import check_markdown
from edgecnn.ui.report.github import annotation_lines
from edgecnn.ui.report.junit import junit_xml

ROWS = [
    CheckRow(
        target="a",
        kind="link",
        check="link 1 (conversion)",
        verdict=Verdict.PASS,
        measured="sqnr_db 99",
        limit="at least 60",
    ),
    CheckRow(
        target="a",
        kind="budget",
        check="size",
        verdict=Verdict.FAIL,
        measured="12 kB",
        limit="10 kB",
        note="5 % too much",
    ),
    CheckRow(
        target="b",
        kind="baseline",
        check="latency",
        verdict=Verdict.INCONCLUSIVE,
        measured="1.01",
        limit="1.02",
        note="noise",
    ),
]


def test_junit_has_a_suite_a_target_and_a_case_a_check() -> None:
    root = ElementTree.fromstring(junit_xml(ROWS))  # noqa: S314 - our own
    assert [suite.get("name") for suite in root] == ["a", "b"]
    assert [(suite.get("tests"), suite.get("failures"), suite.get("skipped")) for suite in root] == [
        ("2", "1", "0"),
        ("1", "0", "1"),
    ]
    failure = root.find("./testsuite/testcase[@name='size']/failure")
    assert failure is not None
    assert failure.get("message") == "a: size 12 kB (10 kB): 5 % too much"


def test_annotations_are_escaped_as_workflow_commands_want_it() -> None:
    assert annotation_lines(ROWS) == [
        "::error title=a%3A size::a: size 12 kB (10 kB): 5 %25 too much",
        "::warning title=b%3A latency::b: latency 1.01 (1.02): noise",
    ]


def test_the_table_shows_first_what_does_not_hold() -> None:
    text = check_markdown("runs/x", ROWS)
    assert "1 hold, 1 missed, 1 inconclusive" in text
    assert text.index("MISSED") < text.index("inconclusive |") < text.index("holds")


@given(st.text(), st.text())
def test_any_text_becomes_xml_and_one_line(name: str, note: str) -> None:
    row = CheckRow(
        target=name or "t", kind="budget", check="size", verdict=Verdict.FAIL, measured="1", note=note
    )
    ElementTree.fromstring(junit_xml([row]))  # noqa: S314 - our own
    (line,) = annotation_lines([row])
    assert "\n" not in line
    assert "\r" not in line
