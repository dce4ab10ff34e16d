"""Stage ``compile``: an integer file becomes a program for an NPU, with the compiler's report."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn import process
from edgecnn.compilers.report import NpuReport, Partition
from edgecnn.compilers.vela import NPU_OPERATOR, TOOLCHAIN, Vela
from edgecnn.errors import UsageError, WorkerError
from edgecnn.formats.registry import model_file
from edgecnn.stages.base import Context, Inputs, Stage
from edgecnn.toolchains.environment import require

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.config.target import Target

REPORT = "npu.json"
COMPILED = "compiled.tflite"


@dataclass(frozen=True)
class CompileParameters:
    """What is compiled for.

    Attributes:
        format: Format of the file.
        accelerator: Family and size of the NPU.
        system_config: Clock and memories.
        memory_mode: What lies in which memory.
        optimise: ``Performance`` or ``Size``.
    """

    format: str
    accelerator: str
    system_config: str
    memory_mode: str
    optimise: str

    @classmethod
    def of(cls, target: Target) -> CompileParameters:
        """Return what a target with an NPU is compiled for.

        Raises:
            UsageError: The target has none.
        """
        config = target.compile
        if config is None:
            raise UsageError(
                f"target {target.name!r} has no NPU to compile for", hint="`edgecnn targets` lists them all"
            )
        return cls(
            target.format, config.accelerator, config.system_config, config.memory_mode, config.optimise
        )

    def vela(self) -> Vela:
        """Return the compiler's configuration."""
        return Vela(self.accelerator, self.system_config, self.memory_mode, self.optimise)


def run(inputs: Inputs, parameters: CompileParameters, context: Context) -> None:
    """Write the compiled file and the compiler's report."""
    model, vela = model_file(inputs["model"], parameters.format), parameters.vela()
    started = time.monotonic()
    report = compile_network(model, context.out / COMPILED, vela, log=context.log, scratch=context.scratch)
    context.costs["compile"] = {"wall_s": round(time.monotonic() - started, 3)}
    (context.out / REPORT).write_text(json.dumps(report.to_json()), encoding="utf-8")


def compile_network(model: Path, out: Path, vela: Vela, *, log: Path, scratch: Path) -> NpuReport:
    """Compile an integer TFLite file and say how much of it the NPU runs.

    Raises:
        InputError: The file is damaged or computes in float somewhere.
        MissingDependency: The toolchain is not installed as pinned.
        WorkerError: The compiler crashed, hung, refused the file or said nothing about it.
    """
    process.call("edgecnn.compilers.partition:require_integer", {"source": str(model)}, log=log)
    estimate = vela.compile(model, out, log=log, scratch=scratch / "vela")
    child = process.call(
        "edgecnn.compilers.partition:partition",
        {"source": str(model), "compiled": str(out), "npu_operator": NPU_OPERATOR},
        log=log,
    )
    partition = Partition(**{**child.value, "cpu_operators": tuple(child.value["cpu_operators"])})
    if partition.subgraphs == 0:
        raise WorkerError("the compiled file holds no operator for the NPU", hint=f"the log: {log}")
    return NpuReport(
        compiler=TOOLCHAIN,
        version=require(TOOLCHAIN).toolchain.version,
        partition=partition,
        estimate=estimate,
        compiled_bytes=out.stat().st_size,
    )


COMPILE = Stage("compile", 1, run, ("ai-edge-litert",), toolchains=(TOOLCHAIN,))
