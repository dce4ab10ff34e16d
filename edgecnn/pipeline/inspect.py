"""Inspection of an artifact or a model file, including its compilation for an NPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends.entry import FormatFile
from edgecnn.backends.formats import companions, format_of
from edgecnn.backends.targets import load_target
from edgecnn.core import process
from edgecnn.core.documents.inspection import Inspection
from edgecnn.core.errors import InputError
from edgecnn.core.files import is_dir, is_file
from edgecnn.core.kept_log import temporary_folder
from edgecnn.core.store.manifest import NAME, Artifact
from edgecnn.pipeline.stages.compile import CompileParameters, compile_network

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue

    from edgecnn.core.documents.npu import NpuReport


@dataclass(frozen=True)
class Inspected:
    """The inspection of a model file.

    Attributes:
        target: Its target; None for a file outside an artifact.
        inspection: Precision, operations, inputs and outputs.
        npu: The compiler's report; None if nothing was compiled.
    """

    target: str | None
    inspection: Inspection
    npu: NpuReport | None

    def plain(self) -> dict[str, JsonValue]:
        """Return all values on one level, as plain data."""
        target = {} if self.target is None else {"target": self.target}
        npu = {} if self.npu is None else self.npu.to_json()
        return {**target, **self.inspection.to_json(), **npu}


def inspect_model(path: Path, target: str | None = None) -> Inspected:
    """Inspect a model file, and compile it if a target is named.

    Args:
        path: Directory of an artifact, or a model file.
        target: An NPU target to compile for; not needed for an artifact of such a target.

    Raises:
        InputError: The path is neither, or the file is truncated or of another format.
        UsageError: The target has no NPU.
        MissingDependency: The compiler's toolchain is not installed.
        WorkerError: The compiler failed.
    """
    wanted = None if target is None else CompileParameters.of(load_target(target))
    if is_dir(path):
        artifact = Artifact.open(path)
        model, name, npu = artifact.model, artifact.manifest.target.name, artifact.manifest.npu
    elif is_file(path):
        model, name, npu = path, None, None
    else:
        raise InputError(f"there is no file or artifact {path}", hint=f"an artifact holds a {NAME}")
    inspection = _inspect(model)
    if wanted is None:
        return Inspected(name, inspection, npu)
    return Inspected(target, inspection, _compile(model, wanted))


def _inspect(model: Path) -> Inspection:
    with temporary_folder("inspect") as folder:
        child = process.call(
            "edgecnn.backends.entry:inspect",
            FormatFile(format_of(model), model),
            log=folder / "inspect.log",
            timeout_s=300.0,
            memory_bytes=process.memory_for(model, *companions(model)),
        )
    return child.read(Inspection)


def _compile(model: Path, wanted: CompileParameters) -> NpuReport:
    if format_of(model) != wanted.format:
        raise InputError(f"{model} is no {wanted.format} file, which {wanted.compiler} compiles")
    with temporary_folder("inspect") as folder:
        work = folder
        return compile_network(
            model, work / "compiled", wanted, log=work / "compile.log", scratch=work / "scratch"
        )
