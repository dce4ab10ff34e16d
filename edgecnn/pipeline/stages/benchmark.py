"""Stage ``benchmark``: comparison of the target's file with its format's float32 file, in turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.formats import model_file
from edgecnn.backends.registry import find_runtime
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import UsageError
from edgecnn.devices.local import LocalDevice
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.proof.latency.latency_test import Effort, compare_latency
from edgecnn.proof.latency.measurement import pinned_opener

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.devices.session import Session

RESULT = "latency.json"


@arguments
class BenchmarkParameters:
    """Settings of a latency comparison.

    Attributes:
        format: Format of the files.
        runtime: Runtime that executes them.
        threads: Threads of one inference.
        seconds: Time after which no further worker processes are started.
        processes: Smallest number of pairs of worker processes.
        cpu: Name of this machine's CPU; times of another CPU are not reused.
    """

    format: str
    runtime: str
    threads: int
    seconds: float
    processes: int
    cpu: str


def run(inputs: Inputs, parameters: BenchmarkParameters, context: Context) -> None:
    """Write both latencies and their ratio, with its interval, to ``latency.json``.

    Budgets may change without a new measurement, so no limit is known here: the comparison continues until
    the interval is narrow.
    """
    ratio = compare_latency(
        _opener(inputs["model"], parameters, context),
        _opener(inputs["baseline"], parameters, context),
        effort=Effort(seconds=parameters.seconds, processes=parameters.processes),
    )
    document = ratio.model_copy(update={"threads": parameters.threads})
    (context.out / RESULT).write_text(document.model_dump_json(), encoding="utf-8")


def _opener(folder: Path, parameters: BenchmarkParameters, context: Context) -> Callable[[], Session]:
    file = model_file(folder, parameters.format)
    return pinned_opener(LocalDevice(), parameters.runtime, file, log=context.log, threads=parameters.threads)


def benchmark_stage(runtime: str) -> Stage[BenchmarkParameters]:
    """Return the stage that times files in a runtime.

    Raises:
        UsageError: There is no such runtime, or it simulates other hardware, so that its speed is
            meaningless.
    """
    record = find_runtime(runtime)
    if record.simulates:
        raise UsageError(f"{runtime} only simulates what it stands for, and its speed says nothing")
    return Stage("benchmark", 2, run, (record.distribution, *record.origin.distributions), times=True)
