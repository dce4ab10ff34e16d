"""Qualcomm's QNN: a context binary for the Hexagon Tensor Processor of one chip."""

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
"""The node that stands for a piece of the network in the compiled file."""


@dataclass(frozen=True)
class Qnn:
    """The compiler for one chip. It tells what runs where, and nothing of cycles or memory.

    Attributes:
        soc: The chip, such as ``sm8650``.
    """

    soc: str

    @property
    def accelerator(self) -> str:
        """What it compiles for."""
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
            InputError: QNN does not take the file.
            WorkerError: It crashed, hung, or put nothing on the HTP.
        """
        scratch.mkdir(parents=True, exist_ok=True)
        # The session may succeed without it: what the HTP does not take runs on the CPU here.
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
