"""Every child process that reads a file which may come from a stranger has a limit on its memory."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import numpy as np
import pytest

import edgecnn
from edgecnn.core import process
from edgecnn.core.array_file import read_array
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import WorkerError

SOURCE = Path(edgecnn.__file__).parent

WITHOUT = {
    "data/fashion_mnist_fetch.py": "what is downloaded has a known digest",
    "models/sources/module.py": "the user named this code",
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


def test_a_child_that_holds_many_images_may_need_the_whole_machine(tmp_path: Path) -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    several, few = process.memory_for(tmp_path, many_images=True), process.memory_for(tmp_path)
    assert several == few + max(0, machine - process.FOREIGN_BYTES)


@arguments
class _Array:
    """A file of an array, and whether it is mapped."""

    file: Path
    mapped: bool


def first_value(request: _Array) -> int:
    """Read an array and return its first value; runs in a child process."""
    return int(read_array(request.file, mapped=request.mapped).flat[0])


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """An array of 4 GiB, without any block on the disk."""
    file = tmp_path / "large.npy"
    with file.open("wb") as handle:
        header = {"descr": "|u1", "fortran_order": False, "shape": (1 << 32,)}
        np.lib.format.write_array_header_1_0(handle, header)
        handle.truncate(handle.tell() + (1 << 32))
    return file


def test_mapped_images_do_not_count_as_memory(large: Path, tmp_path: Path) -> None:
    entry, log = f"{__name__}:first_value", tmp_path / "log"
    assert process.call(entry, _Array(large, mapped=True), log=log, memory_bytes=3 << 30).value == 0
    with pytest.raises(WorkerError, match="ran out of memory"):
        process.call(entry, _Array(large, mapped=False), log=log, memory_bytes=3 << 30)
