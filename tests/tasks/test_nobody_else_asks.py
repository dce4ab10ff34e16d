"""Nothing outside the tasks asks which task a network has."""

from __future__ import annotations

import ast
from pathlib import Path

import edgecnn
from edgecnn.core.documents.metric import METRICS
from edgecnn.tasks.registry import BUILT_IN

ROOT = Path(edgecnn.__file__).parent
TASKS = ("tasks/", "ondevice/tasks/")
"""Folders whose modules are the tasks themselves."""

NAMES = {*BUILT_IN, *(name for name, metric in METRICS.items() if metric.task)}
"""Kinds of tasks, and metrics that belong to one of them."""

TYPES = {
    "BoxAnswers",
    "ClassAnswers",
    "ClassificationTask",
    "ClassificationTraining",
    "CrossEntropy",
    "DetectionNetwork",
    "DetectionTask",
    "DetectionTraining",
    "Detector",
    "LabelledBoxes",
    "LabelledClasses",
}


def questions(tree: ast.AST) -> list[tuple[int, str]]:
    """Return the lines of a module that ask for a task, and how they ask."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr | ast.stmt | ast.pattern)]
    asked = [(node.lineno, _compares(node) or _reads(node) or _asks_for_type(node)) for node in nodes]
    return [(line, how) for line, how in asked if how]


def _compares(node: ast.AST) -> str:
    match node:
        case ast.Compare():
            sides = [node.left, *node.comparators]
            if _names(sides):
                return "compares with the name of a task or of its metric"
            if any(_is_none(side) for side in sides) and any(_is_detector(side) for side in sides):
                return "asks whether there is a detector"
        case ast.If(test=asked) | ast.IfExp(test=asked) if _is_detector(asked):
            return "asks whether there is a detector"
        case ast.MatchValue(value=ast.Constant(value=str() as name)) if name in NAMES:
            return f"has a case for {name!r}"
    return ""


def _reads(node: ast.AST) -> str:
    match node:
        case ast.Subscript(slice=ast.Constant(value=str() as name)) if name in NAMES:
            return f"reads {name!r}"
        case ast.Call(
            func=ast.Attribute(attr="get" | "pop"), args=[ast.Constant(value=str() as name), *_]
        ) if name in NAMES:
            return f"reads {name!r}"
    return ""


def _asks_for_type(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, kinds]):
            asked = {part.id for part in ast.walk(kinds) if isinstance(part, ast.Name)} & TYPES
            return f"asks for the type {min(asked)}" if asked else ""
        case ast.ImportFrom(module=str() as module):
            if any(module.startswith(f"edgecnn.tasks.{kind}") for kind in BUILT_IN):
                return f"imports {module}"
    return ""


def _names(sides: list[ast.expr]) -> bool:
    constants = [part for side in sides for part in ast.walk(side) if isinstance(part, ast.Constant)]
    return any(isinstance(part.value, str) and part.value in NAMES for part in constants)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_detector(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name == "detector" or name.endswith("_detector")


def test_nothing_outside_the_tasks_asks_which_task_it_is() -> None:
    asked = []
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(TASKS):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            asked += [f"edgecnn/{name}:{line} {how}" for line, how in questions(tree)]
    assert not asked, "ask the task (edgecnn.tasks.registry.task_of):\n" + "\n".join(asked)


def test_every_way_to_ask_is_seen() -> None:
    source = """
if spec.detector is None: pass
if network.detector: pass
kind = "a" if task.kind == "detection" else "b"
if "ap" in before: pass
value = metrics["ap50"]
value = metrics.get("ap50_drop")
if isinstance(method, (CrossEntropy, int)): pass
from edgecnn.tasks.detection.task import DetectionTask
match kind:
    case "classification": pass
"""
    assert [line for line, _ in sorted(set(questions(ast.parse(source))))] == [2, 3, 4, 5, 6, 7, 8, 9, 11]
