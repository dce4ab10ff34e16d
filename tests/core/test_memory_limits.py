"""Every child process that reads a file which may come from a stranger has a limit on its memory."""

from __future__ import annotations

import ast
from pathlib import Path

import edgecnn

SOURCE = Path(edgecnn.__file__).parent

WITHOUT = {
    "data/fashion_mnist_fetch.py": "what is downloaded has a known digest",
    "models/sources/module.py": "the user named this code",
    "pipeline/stages/prune.py": "its memory grows with the images; the network was executed before",
    "pipeline/stages/recover.py": "its memory grows with the images; the network was executed before",
}
"""Modules whose children have none, and why."""


def _unlimited(file: Path) -> bool:
    """Return whether a module calls a child process without a limit."""
    calls = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
    return any(
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "call"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "process"
        and "memory_bytes" not in {keyword.arg for keyword in node.keywords}
        for node in calls
    )


def test_children_without_a_limit_are_known() -> None:
    found = {file.relative_to(SOURCE).as_posix() for file in SOURCE.rglob("*.py") if _unlimited(file)}
    assert found == set(WITHOUT)
