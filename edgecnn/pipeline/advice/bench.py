"""Where variants of a network are built and compiled, in files that are thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.backends.registry import find_format
from edgecnn.core import process
from edgecnn.core.errors import EdgecnnError
from edgecnn.pipeline.advice.result import CompiledChange
from edgecnn.pipeline.stages.compile import CompileParameters, compile_network

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.npu import NpuReport
    from edgecnn.pipeline.advice.change import Change

VARIANTS = "edgecnn.pipeline.advice.variants"
ORIGINAL = "original"


class VariantBench:
    """Builds and compiles variants of a network.

    Args:
        parameters: What is compiled for.
        folder: Where the files go; nobody needs them afterwards.
    """

    def __init__(self, parameters: CompileParameters, folder: Path) -> None:
        self._parameters = parameters
        self._folder = folder
        self._log = folder / "advise.log"

    def describe(
        self, reference: str, spec: dict[str, Any] | None, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        """Build the network as it is; see :func:`edgecnn.pipeline.advice.variants.describe`."""
        found: dict[str, Any] = self._call("describe", reference=reference, spec=spec, arguments=arguments)
        return found

    def compile(self, name: str = ORIGINAL) -> NpuReport:
        """Compile a file that was built, by its name."""
        return compile_network(
            self._folder / f"{name}{find_format(self._parameters.format).suffix}",
            self._folder / f"{name}.compiled",
            self._parameters,
            log=self._log,
            scratch=self._folder / "scratch",
        )

    def try_changes(self, spec: dict[str, Any], changes: list[Change]) -> tuple[CompiledChange, ...]:
        """Build and compile the network with each change; one that fails is a result, not an exception."""
        if not changes:
            return ()
        reasons = self._call("write_variants", spec=spec, changes=[change.to_json() for change in changes])
        trials = []
        for index, (change, reason) in enumerate(zip(changes, reasons, strict=True)):
            if reason is not None:
                trials.append(CompiledChange(change, None, reason))
                continue
            try:
                trials.append(CompiledChange(change, self.compile(str(index))))
            except EdgecnnError as error:
                trials.append(CompiledChange(change, None, error.message))
        return tuple(trials)

    def _call(self, function: str, **arguments: Any) -> Any:
        arguments |= {"compiler": self._parameters.compiler, "out": str(self._folder)}
        return process.call(f"{VARIANTS}:{function}", arguments, log=self._log).value
