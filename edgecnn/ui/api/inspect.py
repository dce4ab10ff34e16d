"""Inspect an artifact or a model file: what it is, read back from its bytes, and what an NPU makes of it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from edgecnn.backends.formats import format_of
from edgecnn.backends.npu_report import NpuReport
from edgecnn.backends.targets import load_target
from edgecnn.core import process
from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.manifest import NAME, Artifact
from edgecnn.pipeline.stages.compile import CompileParameters, compile_network
from edgecnn.ui.report.npu import npu_markdown
from edgecnn.ui.report.npu_plot import npu_svg


def inspect(path: Path | str, *, target: str | None = None, out: Path | None = None) -> dict[str, Any]:
    """Read precision, operations, inputs and outputs back from a model file.

    Args:
        path: Directory of an artifact, or an ``.onnx``, ``.tflite`` or OpenVINO ``.xml`` file.
        target: An NPU target to compile for; an artifact that was made for one needs none.
        out: Directory for the NPU's report as ``npu.json``, ``npu.md`` and ``npu.svg``.

    Returns:
        :class:`edgecnn.backends.format.Inspection` as plain data; an artifact's also holds ``target``, and
        what is for an NPU the fields of :class:`edgecnn.backends.npu_report.NpuReport`: ``npu_coverage``,
        ``cycles``, ``cpu_ops``, ``sram_bytes``, ``layers``, ...

    Raises:
        InputError: It is neither, or the file is truncated or of another format.
        UsageError: The target has no NPU, or ``out`` is given and there is nothing to write.
        MissingDependency: The compiler's toolchain is not installed.
        WorkerError: The compiler failed.
    """
    given = Path(path)
    wanted = None if target is None else CompileParameters.of(load_target(target))
    if given.is_dir():
        artifact = Artifact.open(given)
        model, name, npu = artifact.model, artifact.manifest.target.name, artifact.manifest.npu
    elif given.is_file():
        model, name, npu = given, None, {}
    else:
        raise InputError(f"there is no file or artifact {given}", hint=f"an artifact holds a {NAME}")
    document = ({} if name is None else {"target": name}) | _inspect(model)
    if wanted is not None:
        npu = {**_compile(model, wanted).to_json(), "target": target}
    if out is not None:
        _write(npu, out, given)
    return document | npu


def _inspect(model: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="edgecnn-inspect-") as folder:
        child = process.call(
            "edgecnn.backends.entry:inspect",
            {"format": format_of(model), "model": str(model)},
            log=Path(folder) / "inspect.log",
            timeout_s=300.0,
        )
    result: dict[str, Any] = child.value
    return result


def _compile(model: Path, wanted: CompileParameters) -> NpuReport:
    if format_of(model) != wanted.format:
        raise InputError(f"{model} is no {wanted.format} file, which {wanted.compiler} compiles")
    with tempfile.TemporaryDirectory(prefix="edgecnn-inspect-") as folder:
        work = Path(folder)
        return compile_network(
            model, work / "compiled", wanted, log=work / "compile.log", scratch=work / "scratch"
        )


def _write(npu: dict[str, Any], out: Path, given: Path) -> None:
    if not npu:
        raise UsageError(
            f"{given} was not compiled for an NPU, so there is no report to write",
            hint="name an NPU target with --target",
        )
    report = NpuReport.from_json(npu)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "npu.json").write_text(json.dumps(npu, indent=1) + "\n", encoding="utf-8")
        (out / "npu.md").write_text(npu_markdown(report), encoding="utf-8")
        (out / "npu.svg").write_text(npu_svg(report), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
