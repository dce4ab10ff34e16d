"""One class name stands for one thing, wherever in the package it is."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "edgecnn"


def test_no_two_classes_share_a_name() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(path.relative_to(PACKAGE).as_posix())
    assert len(homes) > 300, "the package's classes were not found"
    shared = {name: paths for name, paths in homes.items() if len(paths) > 1}
    assert not shared, f"these class names stand for more than one thing: {shared}"
