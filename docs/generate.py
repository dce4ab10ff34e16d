"""Write the generated parts of the documentation, or check that they are up to date.

    python docs/generate.py            # writes
    python docs/generate.py --check    # exits 1 and names the pages that differ

Generated are the result tables (`tables.py`) and the reference pages: the verbs, from the command line
itself, and the keys of pipelines and targets, from their schemas.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from reference import cli_page, pipeline_page, targets_page
from tables import TABLES

DOCS = Path(__file__).parent
_TABLE = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Write or check every page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page differs")
    check = parser.parse_args().check
    stale = [page for page, text in pages().items() if not page.is_file() or page.read_text("utf-8") != text]
    for page in stale:
        if check:
            sys.stderr.write(f"{page.relative_to(DOCS.parent)} is out of date: run `make docs`\n")
        else:
            page.parent.mkdir(exist_ok=True)
            page.write_text(pages()[page], encoding="utf-8")
    sys.exit(1 if check and stale else 0)


def pages() -> dict[Path, str]:
    """Return every page that has a generated part, as it should be."""
    written = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]
    found = {page: fill(page.read_text(encoding="utf-8")) for page in written}
    reference = {"cli.md": cli_page(), "pipeline.md": pipeline_page(), "targets.md": targets_page()}
    return found | {DOCS / "reference" / name: text for name, text in reference.items()}


def fill(text: str) -> str:
    """Return a page with its tables made anew.

    Raises:
        SystemExit: It asks for a table that nothing makes.
    """

    def table(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in TABLES:
            raise SystemExit(f"no table is called {name!r}; there are {', '.join(TABLES)}")
        return f"{match[1]}{TABLES[name]()}\n{match[3]}"

    return _TABLE.sub(table, text)


if __name__ == "__main__":
    main()
