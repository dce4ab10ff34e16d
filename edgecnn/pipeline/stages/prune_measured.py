"""Stage ``prune`` to a size or a latency, which is measured on a file of the target for every probe."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from edgecnn.core.config.pruning import Importance, Scope
from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.documents.pruning import MeasuredGoal, PruningProbe, PruningStep
from edgecnn.core.errors import InputError
from edgecnn.core.files import copy_folder
from edgecnn.core.json_file import read_json
from edgecnn.core.replace import clear
from edgecnn.core.store import sums
from edgecnn.core.store.digest import digest_files
from edgecnn.pipeline.stages import benchmark
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.stages.benchmark import BenchmarkParameters, benchmark_stage
from edgecnn.pipeline.stages.lower import LowerParameters, lower_stage
from edgecnn.pipeline.stages.prune import PACKAGES, REPORT, PruneParameters, prune_in_child
from edgecnn.pipeline.stages.quantize import NOTES, QuantizeParameters, quantize_stage
from edgecnn.pruning.search import MOST, find_share

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_PROBE = "probe.json"


@arguments
class MeasuredParameters:
    """Settings of pruning until a target's file is small or fast enough.

    Attributes:
        goal: The measured quantity.
        limit: Largest size in bytes, or latency as a share of the unpruned network's.
        part: Part of the way from the unpruned network to the limit, within (0, 1].
        target: The target's name, for messages.
        file: Settings for making the target's file.
        timing: Settings for timing it; None for a size.
        importance: Measure of a channel's importance.
        scope: Division of removals among layers.
        multiple: Number whose multiples are allowed as widths.
    """

    goal: Literal["size", "latency"]
    limit: float
    part: float
    target: str
    file: QuantizeParameters
    timing: BenchmarkParameters | None
    importance: Importance
    scope: Scope
    multiple: int


def run(inputs: Inputs, parameters: MeasuredParameters, context: Context) -> None:
    """Prune, make the file and measure it until it is just within the limit.

    Measurements from before a kill are reused.

    Raises:
        InputError: The limit cannot be reached; the message gives the nearest value.
    """
    bench = _Bench(inputs, parameters, context)
    whole = bench.value(bench.file_of(inputs["original"], context.scratch / "whole"))
    limit = whole - parameters.part * (whole - parameters.limit)
    best, probes = find_share(bench.probe, limit, whole=whole)
    if best is None:
        raise _unreachable(parameters, limit, probes)
    folder = bench.folder(best.asked) / "checkpoint"
    report = PruningStep.from_json(read_json(folder / REPORT), REPORT)
    copy_folder(folder, context.out)
    measured = MeasuredGoal(
        target=parameters.target,
        goal=parameters.goal,
        before=whole,
        limit=limit,
        after=best.value,
        probes=tuple(probes),
    )
    report = report.model_copy(update={"measured": measured})
    (context.out / REPORT).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _unreachable(parameters: MeasuredParameters, limit: float, probes: list[PruningProbe]) -> InputError:
    nearest = min(probes, key=lambda probe: probe.value)
    write: Callable[[float], str] = format_size if parameters.goal == "size" else "{:.2f}".format
    return InputError(
        f"{parameters.goal} {write(limit)} of {parameters.target} cannot be reached by pruning: with "
        f"{nearest.share:.2f} of the multiply-accumulates left it is {write(nearest.value)}",
        hint=f"ask for more than that, or lower prune.multiple, which is {parameters.multiple}",
    )


@dataclass(frozen=True)
class _Bench:
    """Makes and measures files in the stage's scratch folder."""

    inputs: Inputs
    parameters: MeasuredParameters
    context: Context

    def folder(self, asked: float) -> Path:
        return self.context.scratch / f"left-{asked:.6f}"

    def probe(self, asked: float) -> PruningProbe:
        """Prune to a share of the multiply-accumulates and measure; an existing probe is read."""
        asked = round(asked, 6)
        folder = self.folder(asked)
        record = folder / _PROBE
        if (folder / sums.NAME).is_file():  # written last, so everything is there
            with contextlib.suppress(InputError, ValueError):  # a damaged one is made again
                sums.check_sums(folder)
                return PruningProbe.from_json(read_json(record), _PROBE)
        clear(folder)
        parameters = PruneParameters(
            metric="macs",
            limit=asked,
            importance=self.parameters.importance,
            scope=self.parameters.scope,
            multiple=self.parameters.multiple,
        )
        report = prune_in_child(self.inputs, parameters, self._within(folder / "checkpoint"), strict=False)
        share = report.macs.after / report.macs.before
        value = self.value(self.file_of(folder / "checkpoint", folder))
        probe = PruningProbe(asked=asked, share=share, value=value, at_least=report.at_least)
        record.write_text(probe.model_dump_json(), encoding="utf-8")
        sums.write_sums(folder, digest_files(folder))
        done = len(list(self.context.scratch.glob(f"*/{_PROBE}")))
        self.context.progress(done, MOST, f"{share:.2f} of the MACs left: {self.parameters.goal} {value:.4g}")
        return probe

    def file_of(self, checkpoint: Path, folder: Path) -> Path:
        """Lower and quantize a network for the target; return the folder of the file."""
        file = self.parameters.file
        lowered, quantized = folder / "float", folder / "file"
        lower = lower_stage(file.format)
        lower.run({"checkpoint": checkpoint}, LowerParameters(file.format), self._within(lowered))
        if file.precision == "fp32":
            return lowered
        inputs = {"model": lowered, "network": checkpoint}
        if "float_layers" not in file.options:
            del inputs["network"]
        if file.precision == "int8":
            inputs["calibration"] = self.inputs["calibration"]
        quantize_stage(file.format).run(inputs, file, self._within(quantized))
        return quantized

    def value(self, file: Path) -> float:
        """Return the bytes of a file, or its latency as a share of the unpruned network's."""
        if self.parameters.timing is None:
            return float(sum(path.stat().st_size for path in file.iterdir() if path.name != NOTES))
        whole = self.context.scratch / "whole" / file.name
        if file == whole:
            return 1.0
        context = self._within(file.parent / "latency")
        stage = benchmark_stage(self.parameters.timing.runtime)
        stage.run({"model": file, "baseline": whole}, self.parameters.timing, context)
        ratio = read_json(context.out / benchmark.RESULT)["ratio"]
        return float(ratio)

    def _within(self, out: Path) -> Context:
        """Return the stage's context with another, empty output folder."""
        clear(out)
        out.mkdir(parents=True)
        return replace(self.context, out=out)


def measured_stage(parameters: MeasuredParameters) -> Stage[MeasuredParameters]:
    """Return the stage, with the packages that make and time the target's file."""
    form = parameters.file.format
    packages = {*PACKAGES, *lower_stage(form).packages, *quantize_stage(form).packages}
    if parameters.timing is not None:
        packages |= {*benchmark_stage(parameters.timing.runtime).packages}
    return Stage("prune-measured", 1, run, tuple(sorted(packages)), trains=True, forks_torch=True)
