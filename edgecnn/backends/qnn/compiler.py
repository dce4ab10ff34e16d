"""Qualcomm's QNN, which compiles a context binary for the Hexagon Tensor Processor of one chip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends.compiler import Compiled
from edgecnn.backends.partition import CompiledFile, PartitionedLayers
from edgecnn.core import process
from edgecnn.core.documents.npu import Estimate
from edgecnn.core.errors import WorkerError

if TYPE_CHECKING:
    from edgecnn.backends.compiler import CompileJob

RUNTIME = "qnn"
NPU_OPERATOR = "EPContext"
"""The compiled file's node for a piece of the network on the NPU."""


@dataclass(frozen=True)
class Qnn:
    """The compiler for one chip; it reports where operations run, but no cycles or memory.

    Attributes:
        soc: The chip, such as ``sm8650``.
    """

    soc: str

    @property
    def accelerator(self) -> str:
        """The NPU, as reports name it."""
        return f"htp-{self.soc}"

    def compile(self, job: CompileJob) -> Compiled:
        """Compile a quantized ONNX file to an ONNX file that holds the context binary."""
        # The session may succeed without it: what the HTP does not take runs on the CPU here.
        context = job.scratch / "context.onnx"
        if not job.open(RUNTIME, context, soc=self.soc, context=str(context)):
            raise WorkerError(f"qnn put no operation on the HTP of {self.soc}", hint=f"its log: {job.log}")
        context.replace(job.out)
        child = process.call(
            "edgecnn.backends.onnx.partition:compare",
            CompiledFile(job.model, job.out, NPU_OPERATOR),
            log=job.log,
            memory_bytes=process.memory_for(job.model, job.out),
        )
        found = child.read(PartitionedLayers)
        return Compiled(
            Estimate(
                accelerator=self.accelerator, configuration="as QNN knows the chip", layers=found.layers
            ),
            found.partition,
        )
