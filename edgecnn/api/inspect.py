"""Inspect an artifact or a model file: what it is, read back from its bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from edgecnn import process
from edgecnn.errors import InputError
from edgecnn.formats.registry import format_of
from edgecnn.store.manifest import NAME, Artifact


def inspect(path: Path | str) -> dict[str, Any]:
    """Read precision, operations, inputs and outputs back from a model file.

    Args:
        path: Directory of an artifact, or an ``.onnx``, ``.tflite`` or OpenVINO ``.xml`` file.

    Returns:
        :class:`edgecnn.formats.base.Inspection` as plain data; an artifact's also holds ``target``.

    Raises:
        InputError: It is neither, or the file is truncated or of another format.
    """
    given = Path(path)
    if given.is_dir():
        artifact = Artifact.open(given)
        return {"target": artifact.manifest.target.name, **_inspect(artifact.model)}
    if not given.is_file():
        raise InputError(f"there is no file or artifact {given}", hint=f"an artifact holds a {NAME}")
    return _inspect(given)


def _inspect(model: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="edgecnn-inspect-") as folder:
        child = process.call(
            "edgecnn.formats.entry:inspect",
            {"format": format_of(model), "model": str(model)},
            log=Path(folder) / "inspect.log",
            timeout_s=300.0,
        )
    result: dict[str, Any] = child.value
    return result
