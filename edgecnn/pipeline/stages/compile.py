"""Stage ``compile``: compilation of an integer file for an NPU, with the compiler's report."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from edgecnn.backends.compiler import CompileJob
from edgecnn.backends.compilers import make_compiler
from edgecnn.backends.formats import model_file
from edgecnn.backends.partition import SourceFile
from edgecnn.backends.registry import find_compiler
from edgecnn.backends.targets import compile_options
from edgecnn.core import process
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.documents.npu import NpuReport
from edgecnn.core.errors import WorkerError
from edgecnn.core.toolchains.environment import require
from edgecnn.devices.local import LocalDevice
from edgecnn.pipeline.stages.base import Context, Inputs, Stage

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.config.target import Target

REPORT = "npu.json"


@arguments
class CompileParameters:
    """The compiler and its options.

    Attributes:
        format: Format of the file.
        compiler: Name of the compiler.
        options: Its options, as the target gives them.
    """

    format: str
    compiler: str
    options: dict[str, str]

    @classmethod
    def of(cls, target: Target) -> CompileParameters:
        """Return the compiler and the options of a target with an NPU.

        Raises:
            UsageError: The target has no NPU, or an unknown option.
        """
        options = compile_options(target)
        assert target.compile is not None  # noqa: S101 - else there are no options; tells the type checker
        return cls(target.format, target.compile.compiler, options)


def run(inputs: Inputs, parameters: CompileParameters, context: Context) -> None:
    """Write the compiled file and the compiler's report."""
    model = model_file(inputs["model"], parameters.format)
    out = context.out / find_compiler(parameters.compiler).compiled
    started = time.monotonic()
    report = compile_network(model, out, parameters, log=context.log, scratch=context.scratch / "compile")
    context.costs["compile"] = {"wall_s": round(time.monotonic() - started, 3)}
    (context.out / REPORT).write_text(report.model_dump_json(), encoding="utf-8")


def compile_network(
    model: Path, out: Path, parameters: CompileParameters, *, log: Path, scratch: Path
) -> NpuReport:
    """Compile an integer file and return the report with the share that the NPU runs.

    Raises:
        InputError: The file is damaged or has float computations.
        MissingDependency: The toolchain is not installed as pinned.
        WorkerError: The compiler crashed, timed out, rejected the file or reported nothing about it.
    """
    process.call(
        "edgecnn.backends.partition:require_integer",
        SourceFile(parameters.compiler, model),
        log=log,
        memory_bytes=process.memory_for(model),
    )
    toolchain = require(find_compiler(parameters.compiler).toolchain).toolchain
    compiler = make_compiler(parameters.compiler, parameters.options)
    estimate, partition = compiler.compile(CompileJob(model, out, LocalDevice().open, log, scratch))
    if partition.subgraphs == 0:
        raise WorkerError("the compiled file holds no operator for the NPU", hint=f"the log: {log}")
    return NpuReport.of(
        parameters.compiler, toolchain.version, partition, estimate, compiled_bytes=out.stat().st_size
    )


def compiled_file(outputs: Path) -> Path:
    """Return the compiled file among the stage's outputs."""
    (found,) = outputs.glob("compiled.*")
    return found


def compile_stage(compiler: str) -> Stage[CompileParameters]:
    """Return the stage that compiles with a compiler.

    Raises:
        UsageError: There is no such compiler.
    """
    record = find_compiler(compiler)
    packages = (*record.distributions, *record.origin.distributions)
    return Stage("compile", 2, run, packages, toolchains=(record.toolchain,))
