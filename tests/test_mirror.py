"""The folders of the tests are those of the package: what has logic is tested where it is looked for."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent
PROJECT = TESTS.parent
PACKAGE = PROJECT / "edgecnn"
LEAST_STATEMENTS = 45
"""Statements in the functions of a module that needs a test module of its own."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def statements(source: str) -> int:
    """Return the number of statements in a module's functions and methods, docstrings left out.

    Imports, constants and fields of classes outside of functions are no logic.
    """
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, Function)]
    bodies = (node for function in functions for part in function.body for node in ast.walk(part))
    return len({id(node) for node in bodies if isinstance(node, ast.stmt) and not is_text(node)})


def is_text(node: ast.stmt) -> bool:
    """Return whether a statement is a text alone, as a docstring is."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def imported(source: str) -> set[str]:
    """Return the names of all modules, and of what is in them, that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def lacking(project: Path) -> dict[str, str]:
    """Return the modules that no test module is for, with the path where one is expected."""
    tests, package = project / "tests", project / "edgecnn"
    users = {path: imported(path.read_text(encoding="utf-8")) for path in tests.rglob("test_*.py")}
    found = {}
    for path in sorted(package.rglob("*.py")):
        expected = tests / path.relative_to(package).with_name(f"test_{path.stem}.py")
        if expected.exists() or statements(path.read_text(encoding="utf-8")) < LEAST_STATEMENTS:
            continue
        name = ".".join(path.relative_to(project).with_suffix("").parts).removesuffix(".__init__")
        near = {folder for folder in expected.parents if tests in folder.parents}
        if not any(user.parent in near and name in names for user, names in users.items()):
            found[name] = expected.relative_to(project).as_posix()
    return found


def test_every_module_with_logic_has_a_test_module() -> None:
    assert sum(1 for _ in PACKAGE.rglob("*.py")) > 300, "the package's modules were not found"
    places = [f"{name} has no test module: write {path}" for name, path in lacking(PROJECT).items()]
    assert not places, "\n".join(places)


def test_a_module_without_a_test_is_noticed_until_one_near_it_imports_it(tmp_path: Path) -> None:
    large = "def work():\n" + "    step()\n" * LEAST_STATEMENTS
    small = "STEPS = [\n" + "    1,\n" * 99 + "]\n"
    for file, text in (("part/large.py", large), ("part/small.py", small)):
        (tmp_path / "edgecnn" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "edgecnn" / file).write_text(text)
    for folder in ("part", "other"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
    expected = {"edgecnn.part.large": "tests/part/test_large.py"}
    assert lacking(tmp_path) == expected
    for far in ("tests/test_far.py", "tests/other/test_far.py", "tests/part/near.py"):
        (tmp_path / far).write_text("from edgecnn.part.large import work\n")
    assert lacking(tmp_path) == expected
    (tmp_path / "tests" / "part" / "test_near.py").write_text("from edgecnn.part import large\n")
    assert lacking(tmp_path) == {}
