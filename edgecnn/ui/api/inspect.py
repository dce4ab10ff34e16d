"""Inspect an artifact or a model file: what it is, read back from its bytes, and what an NPU makes of it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends.formats import format_of
from edgecnn.backends.targets import load_target
from edgecnn.core import process
from edgecnn.core.documents.inspection import Inspection
from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.manifest import NAME, Artifact
from edgecnn.pipeline.stages.compile import CompileParameters, compile_network
from edgecnn.ui.report.npu import npu_markdown
from edgecnn.ui.report.npu_plot import npu_svg

if TYPE_CHECKING:
    from pydantic import JsonValue

    from edgecnn.core.documents.npu import NpuReport


@dataclass(frozen=True)
class Inspected:
    """What a model file is.

    Attributes:
        target: Its target; None for a file that is no artifact's.
        inspection: What was read back from its bytes.
        npu: What the compiler says of it; None where nothing was compiled.
    """

    target: str | None
    inspection: Inspection
    npu: NpuReport | None

    def plain(self) -> dict[str, JsonValue]:
        """Return all of it in one level, as plain data."""
        target = {} if self.target is None else {"target": self.target}
        npu = {} if self.npu is None else self.npu.to_json()
        return {**target, **self.inspection.to_json(), **npu}


def inspect(path: Path | str, *, target: str | None = None, out: Path | None = None) -> dict[str, JsonValue]:
    """Read precision, operations, inputs and outputs back from a model file.

    Args:
        path: Directory of an artifact, or an ``.onnx``, ``.tflite`` or OpenVINO ``.xml`` file.
        target: An NPU target to compile for; an artifact that was made for one needs none.
        out: Directory for the NPU's report as ``npu.json``, ``npu.md`` and ``npu.svg``.

    Returns:
        :class:`edgecnn.core.documents.inspection.Inspection` as plain data; an artifact's also holds
        ``target``, and what is for an NPU the fields of :class:`edgecnn.core.documents.npu.NpuReport`:
        ``npu_coverage``, ``cycles``, ``cpu_ops``, ``sram_bytes``, ``layers``, ...

    Raises:
        InputError: It is neither, or the file is truncated or of another format.
        UsageError: The target has no NPU, or ``out`` is given and there is nothing to write.
        MissingDependency: The compiler's toolchain is not installed.
        WorkerError: The compiler failed.
    """
    return inspect_model(path, target=target, out=out).plain()


def inspect_model(path: Path | str, *, target: str | None = None, out: Path | None = None) -> Inspected:
    """Do what :func:`inspect` does, and return documents."""
    given = Path(path)
    wanted = None if target is None else CompileParameters.of(load_target(target))
    if given.is_dir():
        artifact = Artifact.open(given)
        model, name, npu = artifact.model, artifact.manifest.target.name, artifact.manifest.npu
    elif given.is_file():
        model, name, npu = given, None, None
    else:
        raise InputError(f"there is no file or artifact {given}", hint=f"an artifact holds a {NAME}")
    found = Inspected(name if wanted is None else target, _inspect(model), npu)
    if wanted is not None:
        found = replace(found, npu=_compile(model, wanted))
    if out is not None:
        _write(found, out, given)
    return found


def _inspect(model: Path) -> Inspection:
    with tempfile.TemporaryDirectory(prefix="edgecnn-inspect-") as folder:
        child = process.call(
            "edgecnn.backends.entry:inspect",
            {"format": format_of(model), "model": str(model)},
            log=Path(folder) / "inspect.log",
            timeout_s=300.0,
        )
    return Inspection.from_json(child.value)


def _compile(model: Path, wanted: CompileParameters) -> NpuReport:
    if format_of(model) != wanted.format:
        raise InputError(f"{model} is no {wanted.format} file, which {wanted.compiler} compiles")
    with tempfile.TemporaryDirectory(prefix="edgecnn-inspect-") as folder:
        work = Path(folder)
        return compile_network(
            model, work / "compiled", wanted, log=work / "compile.log", scratch=work / "scratch"
        )


def _write(found: Inspected, out: Path, given: Path) -> None:
    report = found.npu
    if report is None:
        raise UsageError(
            f"{given} was not compiled for an NPU, so there is no report to write",
            hint="name an NPU target with --target",
        )
    written = report.to_json() | ({} if found.target is None else {"target": found.target})
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "npu.json").write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
        (out / "npu.md").write_text(npu_markdown(report), encoding="utf-8")
        (out / "npu.svg").write_text(npu_svg(report), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
