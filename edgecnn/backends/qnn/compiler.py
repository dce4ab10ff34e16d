"""Qualcomm's QNN, which compiles a context binary for the Hexagon Tensor Processor of one chip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends.compiler import TIMEOUT_S, Compiled
from edgecnn.backends.partition import CompiledFile, PartitionedLayers
from edgecnn.core import process
from edgecnn.core.documents.npu import Estimate
from edgecnn.core.errors import WorkerError

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.compiler import Opener

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
        """Return the chip that it compiles for."""
        return f"htp-{self.soc}"

    def compile(
        self,
        model: Path,
        out: Path,
        opener: Opener,
        *,
        log: Path,
        scratch: Path,
        timeout_s: float = TIMEOUT_S,
    ) -> Compiled:
        """Compile a quantized ONNX file to ``out``, an ONNX file that holds the context binary.

        Raises:
            MissingDependency: The toolchain is not installed as pinned.
            InputError: QNN rejects the file.
            WorkerError: It crashed, timed out, or put nothing on the HTP.
        """
        scratch.mkdir(parents=True, exist_ok=True)
        # The session may succeed without an NPU, because the CPU runs what the HTP rejects.
        context = scratch / "context.onnx"
        context.unlink(missing_ok=True)
        options = {"soc": self.soc, "context": str(context)}
        opener(RUNTIME, model, log=log, extra=options, timeout_s=timeout_s).close()
        if not context.is_file():
            raise WorkerError(f"qnn put no operation on the HTP of {self.soc}", hint=f"its log: {log}")
        context.replace(out)
        child = process.call(
            "edgecnn.backends.onnx.partition:compare",
            CompiledFile(model, out, NPU_OPERATOR),
            log=log,
        )
        found = child.read(PartitionedLayers)
        return Compiled(
            Estimate(
                accelerator=self.accelerator, configuration="as QNN knows the chip", layers=found.layers
            ),
            found.partition,
        )
