"""The written pages: their links lead somewhere, and the README is one screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", PROJECT / "ARCHITECTURE.md", *sorted((PROJECT / "docs").rglob("*.md"))]
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = [link for link in _LINK.findall(text) if not (page.parent / link).exists()]
    assert not broken, f"{page.name} links to what is not there: {broken}"


def test_readme_is_one_screen() -> None:
    size = (PROJECT / "README.md").stat().st_size
    assert size <= 6 * 1024, f"README.md has {size} bytes; details belong in docs/"


def test_every_page_is_in_the_index() -> None:
    index = (PROJECT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in PAGES if (PROJECT / "docs") in page.parents} - {"README.md"}
    missing = {name for name in pages if f"{name})" not in index}
    assert not missing, f"docs/README.md does not lead to {sorted(missing)}"
