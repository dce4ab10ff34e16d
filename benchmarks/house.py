"""Count what says whether the source can grow: lines, untyped data, repeated names, import circles.

    python benchmarks/house.py --json benchmarks/results/house.json
    python benchmarks/house.py --check

Claims that this script is for: a new task or format is one folder; what crosses a border is typed; imports
form no circle; no module is too long to read. ``--check`` exits with 1 where a claim does not hold.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grimp
from output import print_table, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "edgecnn"
EXTENSIONS = ROOT / "tests" / "extensions"
SHIPPED = (PACKAGE, ROOT / "pipelines", ROOT / "targets")
SHARED = ("edgecnn/core/documents/document.py", "edgecnn/ondevice/documents.py")
"""The modules that convert every document, so that none has to be converted by hand."""

LINES_BEFORE = 45_873
"""Lines of the package before its folders were put in order."""


@dataclass(frozen=True)
class Figure:
    """One count.

    Attributes:
        name: Name in the table.
        count: The number.
        most: The largest number with which the claim holds.
        places: Where the counted things are, at most one line each.
    """

    name: str
    count: int
    most: int
    places: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """True where the claim holds."""
        return self.count <= self.most


def main() -> None:
    """Count, print the table, write the JSON; with ``--check``, fail where a claim does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a claim does not hold")
    arguments = parser.parse_args()
    figures = measure()
    rows = [
        {"figure": figure.name, "count": figure.count, "at most": figure.most, "holds": figure.holds}
        for figure in figures
    ]
    print_table(rows)
    write_json({"rows": rows}, arguments.json)
    broken = [figure for figure in figures if not figure.holds]
    for figure in broken:
        print("\n".join((f"{figure.name}:", *(f"  {place}" for place in figure.places))))
    if arguments.check and broken:
        sys.exit(1)


def measure() -> list[Figure]:
    """Return every figure."""
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")
    }
    lines = {name: text.count("\n") for name, text in sorted(texts.items())}
    trees = {name: ast.parse(text) for name, text in sorted(texts.items())}
    untyped = tuple(
        f"{name}: {text.count('dict[str, Any]')}"
        for name, text in sorted(texts.items())
        if "dict[str, Any]" in text
    )
    return [
        Figure("lines of Python", sum(lines.values()), LINES_BEFORE - 1),
        Figure("dict[str, Any]", sum(text.count("dict[str, Any]") for text in texts.values()), 60, untyped),
        _figure("to_json and from_json", 6, converters(trees)),
        _figure("class names with two meanings", 0, shared_names(trees)),
        _figure("folders and modules in import circles", 0, circles(_imports())),
        _figure(
            "modules over 400 lines", 0, (f"{name}: {count}" for name, count in lines.items() if count > 400)
        ),
        *(
            _figure(f"files that name {folder.name} outside its folder", 0, naming(folder))
            for folder in sorted(EXTENSIONS.glob("toy_*"))
        ),
    ]


def _figure(name: str, most: int, places: Iterable[str]) -> Figure:
    found = tuple(places)
    return Figure(name, len(found), most, found)


def converters(trees: Mapping[str, ast.Module]) -> list[str]:
    """Return the functions that convert one class to or from JSON by hand."""
    return [
        f"{name}:{node.lineno}: {node.name}"
        for name, tree in trees.items()
        if name not in SHARED
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in ("to_json", "from_json")
    ]


def shared_names(trees: Mapping[str, ast.Module]) -> list[str]:
    """Return the class names that several classes bear, with the classes' places."""
    homes: dict[str, list[str]] = defaultdict(list)
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(f"{name}:{node.lineno}")
    return [f"{name}: {', '.join(places)}" for name, places in homes.items() if len(places) > 1]


def _imports() -> list[tuple[str, str]]:
    """Return who imports whom in the package, imports for the type checker included."""
    graph = grimp.build_graph("edgecnn", cache_dir=None)
    return [
        (importer, imported)
        for importer in sorted(graph.modules)
        for imported in sorted(graph.find_modules_directly_imported_by(importer))
    ]


def circles(imports: Iterable[tuple[str, str]]) -> list[str]:
    """Return the folders and modules that are in an import circle with others of the same folder.

    Args:
        imports: Pairs of module names, the importer first.

    >>> circles([("p.a.x", "p.b.y"), ("p.b.z", "p.a.w"), ("p.a.x", "p.a.w")])
    ['p.a', 'p.b']
    """
    edges = {pair for pair in map(_siblings, imports) if pair is not None}
    while True:
        importers, imported = {one for one, _ in edges}, {other for _, other in edges}
        kept = {(one, other) for one, other in edges if one in imported and other in importers}
        if kept == edges:
            return sorted(importers)
        edges = kept


def _siblings(pair: tuple[str, str]) -> tuple[str, str] | None:
    """Return the two children of the innermost common folder; None where a folder imports from itself."""
    one, other = (name.split(".") for name in pair)
    for depth, (here, there) in enumerate(zip(one, other, strict=False), 1):
        if here != there:
            return ".".join(one[:depth]), ".".join(other[:depth])
    return None


def naming(folder: Path) -> list[str]:
    """Return the files of the wheel that name an example package, or what it brings."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.escape(project["name"]), re.escape(folder.name)]
    for points in project["entry-points"].values():
        names += [rf"[\"'`]{re.escape(name)}[\"'`]" for name in points]
    pattern = re.compile("|".join(names))
    files = [path for root in SHIPPED for path in sorted(root.rglob("*")) if path.suffix in (".py", ".yaml")]
    return [
        path.relative_to(ROOT).as_posix()
        for path in files
        if pattern.search(path.read_text(encoding="utf-8"))
    ]


if __name__ == "__main__":
    main()
