"""Stage ``evaluate``: outputs of the shipping runtime for every evaluation image, in a worker."""

from __future__ import annotations

import json

from edgecnn.backends.formats import model_file
from edgecnn.backends.registry import find_runtime
from edgecnn.core.documents.arguments import arguments
from edgecnn.data.prepared import PreparedSet
from edgecnn.devices.local import LocalDevice
from edgecnn.pipeline.stages.base import Context, Inputs, Stage

RESULT = "evaluation.json"


@arguments
class EvaluateParameters:
    """Settings of the execution.

    Attributes:
        format: Format of the file.
        runtime: Runtime that executes it.
        threads: Threads of one inference.
        host_isa: Instruction set of this machine, on which int8 kernels depend.
        options: Further options of the runtime, such as the simulated chip.
    """

    format: str
    runtime: str
    threads: int
    host_isa: str
    options: dict[str, str]


def run(inputs: Inputs, parameters: EvaluateParameters, context: Context) -> None:
    """Write the outputs for ``pipeline/stages/outputs.py``, and the costs of the evaluation."""
    images = PreparedSet.open(inputs["images"])
    device = LocalDevice()
    with device.open(
        parameters.runtime,
        model_file(inputs["model"], parameters.format),
        log=context.log,
        threads=parameters.threads,
        extra=parameters.options,
    ) as session:
        evaluation = session.evaluate(
            images.directory / "images.npy",
            images.contract,
            context.out,
            progress=lambda done, total: context.progress(done, total, "images"),
        )
        description = session.description.to_json()
    result = {
        "images": evaluation.images,
        "seconds": evaluation.seconds,
        "images_per_second": evaluation.images_per_second,
        "peak_bytes": evaluation.peak_bytes,
        "runtime": description,
    }
    (context.out / RESULT).write_text(json.dumps(result), encoding="utf-8")


def evaluate_stage(runtime: str) -> Stage[EvaluateParameters]:
    """Return the stage that evaluates files in a runtime.

    Raises:
        UsageError: There is no such runtime.
    """
    record = find_runtime(runtime)
    own = record.origin.distributions
    if record.toolchain is None:
        return Stage("evaluate", 1, run, (record.distribution, *own))
    return Stage("evaluate", 1, run, own, toolchains=(record.toolchain,))
