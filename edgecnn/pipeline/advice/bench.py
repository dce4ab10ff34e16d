"""Compilation of a network and its changed copies, in temporary files, and the resulting advice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_compiler, find_format
from edgecnn.core import process
from edgecnn.core.documents.advice import Advice, CompiledChange, NpuFigures, Remark, TriedChange
from edgecnn.core.errors import EdgecnnError, InputError, UsageError
from edgecnn.core.kept_log import temporary_folder
from edgecnn.models.spec_file import WEIGHTS_FILE
from edgecnn.pipeline.advice.change import INSTEAD, Facts, VariantRequest, propose
from edgecnn.pipeline.stages.compile import CompileParameters, compile_network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from edgecnn.core.config.target import Target
    from edgecnn.core.documents.advice import Change
    from edgecnn.core.documents.npu import NpuReport

VARIANTS = "edgecnn.pipeline.advice.variants"
ORIGINAL = "original"
_LOG = "advise.log"


def advise_on(
    model: str, target: Target, arguments: Mapping[str, JsonValue], sram_limit: int | None
) -> Advice:
    """Build and compile a network and every change to it that may help on a target's NPU.

    See :func:`edgecnn.advise` for the arguments and errors.
    """
    parameters = CompileParameters.of(target)
    if not find_compiler(parameters.compiler).nominal:
        raise UsageError(
            f"there is no advice for {target.name}, only for Ethos-U targets",
            hint="try --target ethos-u55-128",
        )
    with temporary_folder("advise") as folder:
        network = VariantRequest(model, dict(arguments), parameters.compiler, folder)
        bench = VariantBench(network, parameters)
        facts = bench.describe()
        report = bench.compile()
        before = NpuFigures.of(report)
        trials = bench.try_changes(propose(report, facts, sram_limit), before, sram_limit)
    return Advice(
        model=model,
        target=target.name,
        compiler=report.compiler,
        version=report.version,
        before=before,
        trials=trials,
        remarks=tuple(
            Remark(operator=name, instead=INSTEAD.get(name, "an operation that the NPU has"))
            for name in report.cpu_operators
        ),
        sram_limit=sram_limit,
    )


@dataclass(frozen=True)
class VariantBench:
    """Builds and compiles variants of a network.

    Attributes:
        network: The network, and the directory for the files, which are not needed afterwards.
        parameters: The compiler and its options.
    """

    network: VariantRequest
    parameters: CompileParameters

    def describe(self) -> Facts:
        """Build the unchanged network; see :func:`edgecnn.pipeline.advice.variants.describe`."""
        return self._call("describe", self.network).read(Facts)

    def compile(self, name: str = ORIGINAL) -> NpuReport:
        """Compile a file that was built, by its name."""
        folder = self.network.out
        return compile_network(
            folder / f"{name}{find_format(self.parameters.format).suffix}",
            folder / f"{name}.compiled",
            self.parameters,
            log=folder / _LOG,
            scratch=folder / "scratch",
        )

    def try_changes(
        self, changes: list[Change], before: NpuFigures, sram_limit: int | None
    ) -> tuple[TriedChange, ...]:
        """Build and compile the network with each change; one that fails is a result, not an exception."""
        if not changes:
            return ()
        child = self._call("write_variants", replace(self.network, changes=tuple(changes)))
        trials: list[TriedChange] = []
        for index, reason in enumerate(child.read(list[str | None])):
            try:
                if reason is not None:
                    raise InputError(reason)
                after = NpuFigures.of(self.compile(str(index)))
            except EdgecnnError as error:
                trials.append(TriedChange(change=changes[index], reason=error.message))
            else:
                helps = before.improved_by(after, sram_limit)
                trials.append(CompiledChange(change=changes[index], helps=helps, **dict(after)))
        return tuple(trials)

    def _call(self, function: str, request: VariantRequest) -> process.ChildResult:
        given = Path(request.reference)
        return process.call(
            f"{VARIANTS}:{function}",
            request,
            log=request.out / _LOG,
            memory_bytes=process.memory_for(given, given / WEIGHTS_FILE),
        )
