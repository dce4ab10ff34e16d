"""The code in packages: ``edgecnn.ondevice`` under another name, otherwise unchanged."""

from __future__ import annotations

import ast
from importlib import resources, util
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError
from edgecnn.ondevice.tasks.table import MODULES

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from edgecnn.tasks.base import Task

_PACKAGE = "edgecnn.ondevice"
_MAX_BYTES = 1_000_000
_TABLE = "ondevice/tasks/table.py"


def python_code(module: str, task: Task) -> dict[str, bytes]:
    """Return the on-device code as the subpackage ``ondevice`` of a module.

    Only the module's name in the imports changes, so that the shipped code is the code of training and
    evaluation. The module of another package's task is added to those of the built-in tasks, and named in the
    table.

    Args:
        module: Name of the package's module.
        task: Task of the model.

    Returns:
        Files by path from the module's folder.

    Raises:
        UsageError: The task's module for devices cannot be found.
    """
    texts = _texts(resources.files(_PACKAGE), "ondevice")
    if task.kind not in MODULES:
        texts[f"ondevice/tasks/{task.kind}.py"] = _source(task)
        own = f'MODULES = {{"{task.kind}": "{_PACKAGE}.tasks.{task.kind}"}}'
        texts[_TABLE] = f'"""Which module answers for the task of this package."""\n\n{own}\n'
    renamed = f"{module}.ondevice"
    return {name: text.replace(_PACKAGE, renamed).encode() for name, text in texts.items()}


def _texts(folder: Traversable, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in folder.iterdir():
        if item.name.endswith(".py"):
            found[f"{path}/{item.name}"] = item.read_text(encoding="utf-8")
        elif item.name == "tasks":
            found |= _texts(item, f"{path}/{item.name}")
    return found


def _source(task: Task) -> str:
    """Return the source of a task's device module, without importing it."""
    try:
        spec = util.find_spec(task.device_module)
    except (ImportError, ValueError):
        spec = None
    file = None if spec is None or spec.origin is None else Path(spec.origin)
    if file is None or file.suffix != ".py" or file.stat().st_size > _MAX_BYTES:
        raise UsageError(
            f"the task {task.kind!r} names {task.device_module!r} as its module for devices, which is no "
            "Python file",
            hint="update the package that brings the task",
        )
    text = file.read_text(encoding="utf-8")
    for module in _imported(text):
        if module.partition(".")[0] == "edgecnn" and not f"{module}.".startswith(f"{_PACKAGE}."):
            raise UsageError(
                f"the device module of the task {task.kind!r} imports {module}, which no package carries",
                hint=f"it may import {_PACKAGE}, numpy and the standard library",
            )
    return text


def _imported(text: str) -> list[str]:
    """Return the modules that a Python file imports."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found
