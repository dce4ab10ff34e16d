"""Inspection of an artifact or a model file, including its compilation for an NPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError
from edgecnn.pipeline.inspect import inspect_model
from edgecnn.ui.report.npu import write_npu_report

if TYPE_CHECKING:
    from pydantic import JsonValue

    from edgecnn.pipeline.inspect import Inspected


def inspect(path: Path | str, *, target: str | None = None, out: Path | None = None) -> dict[str, JsonValue]:
    """Read precision, operations, inputs and outputs back from a model file.

    Args:
        path: Directory of an artifact, or an ``.onnx``, ``.tflite`` or OpenVINO ``.xml`` file.
        target: An NPU target to compile for; not needed for an artifact of such a target.
        out: Directory for the NPU's report as ``npu.json``, ``npu.md`` and ``npu.svg``.

    Returns:
        :class:`edgecnn.core.documents.inspection.Inspection` as plain data, with ``target`` for an artifact,
        and for an NPU the fields of :class:`edgecnn.core.documents.npu.NpuReport`: ``npu_coverage``,
        ``cycles``, ``cpu_ops``, ``sram_bytes``, ``layers``, ...

    Raises:
        InputError: The path is neither, or the file is truncated or of another format.
        UsageError: The target has no NPU, or ``out`` is given and there is nothing to write.
        MissingDependency: The compiler's toolchain is not installed.
        WorkerError: The compiler failed.
    """
    return inspect_documents(path, target=target, out=out).plain()


def inspect_documents(path: Path | str, *, target: str | None = None, out: Path | None = None) -> Inspected:
    """Inspect a model like :func:`inspect`, and return documents."""
    found = inspect_model(Path(path), target)
    if out is not None:
        if found.npu is None:
            raise UsageError(
                f"{path} was not compiled for an NPU, so there is no report to write",
                hint="name an NPU target with --target",
            )
        write_npu_report(found.npu, found.target, out)
    return found
