"""Stage ``verify``: links 1 to 3 of the verification chain, with each execution in a worker."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from edgecnn.backends.entry import FormatFile, ReferenceFileRequest
from edgecnn.backends.formats import companions, model_file
from edgecnn.backends.registry import find_format, find_runtime
from edgecnn.backends.worker.isa import ISAS
from edgecnn.core import process
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.documents.link import Link
from edgecnn.core.errors import VerificationFailed
from edgecnn.core.json_file import read_json
from edgecnn.core.task import TaskDescription
from edgecnn.data.prepared import PreparedSet
from edgecnn.devices.local import LocalDevice
from edgecnn.pipeline.stages import reference
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.stages.outputs import read_outputs
from edgecnn.pipeline.stages.quantize import INSPECTION
from edgecnn.proof.links.limits import Limits
from edgecnn.proof.links.verification import (
    first_broken,
    judge_outputs,
    verify_conversion,
    verify_kernels,
    verify_quantization,
)
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from edgecnn.backends.worker.runtime import Execution

    Outputs = Sequence[npt.NDArray[np.float32]]

RESULT = "verification.json"
RUNTIME = "runtime.json"
"""Description of the last execution: the shipping one, unless a link broke before."""


@arguments
class VerifyParameters:
    """Settings of the executions, and the limits.

    Attributes:
        format: Format of the files.
        precision: Precision of the target, which decides the limits.
        runtime: Runtime of the shipped file.
        reference_runtime: Runtime of the float file and of reference execution.
        threads: Threads of one inference.
        host_isa: Instruction set of this machine, on which int8 kernels depend.
        limits: The target's own limits.
        options: Further options of the shipping runtime, such as the simulated chip.
    """

    format: str
    precision: str
    runtime: str
    reference_runtime: str
    threads: int
    host_isa: str
    limits: dict[str, int | float]
    options: dict[str, str]


def run(inputs: Inputs, parameters: VerifyParameters, context: Context) -> None:
    """Write the judged links to ``verification.json``, up to the first broken one."""
    precision = cast("Literal['fp32', 'fp16', 'int8']", parameters.precision)
    links = _judge(inputs, parameters, context, Limits.of(precision, parameters.limits))
    document = [link.to_json() for link in links]
    (context.out / RESULT).write_text(json.dumps(document), encoding="utf-8")


def _judge(inputs: Inputs, parameters: VerifyParameters, context: Context, limits: Limits) -> list[Link]:
    execute = _Executor(inputs["probe"], parameters, context)
    truth = read_outputs(inputs["reference"] / reference.PROBE)
    float_file = model_file(inputs["float"], parameters.format)
    float_outputs = execute("float", float_file, "shipping")
    names = execute.names
    _require_outputs(1, names, float_outputs, truth, parameters.reference_runtime)
    links = [
        judge_outputs(names, lambda place: verify_conversion(truth[place], float_outputs[place], limits))
    ]
    if parameters.precision == "fp32" or not links[-1].passed:
        return links

    model = model_file(inputs["model"], parameters.format)
    reference_outputs = execute("reference", _reference_file(model, parameters.format, context), "reference")
    _require_outputs(2, names, reference_outputs, truth, parameters.reference_runtime)
    link = judge_outputs(
        names, lambda place: verify_quantization(float_outputs[place], reference_outputs[place], limits)
    )
    contract = PreparedSet.open(inputs["probe"]).contract
    task = task_of(_description(inputs["contract"]))
    link = task.judge_quantization(link, float_outputs, reference_outputs, contract, limits)
    links.append(link)
    if not link.passed:
        return links
    shipping_outputs = execute("shipping", model, "shipping")
    _require_outputs(3, names, shipping_outputs, truth, parameters.runtime)
    # The outputs of a simulator do not depend on the machine that it runs on.
    isa = ISAS.get(parameters.host_isa) if find_runtime(parameters.runtime).saturates else None
    steps = _output_steps(inputs["inspection"]) if "inspection" in inputs else [None] * len(names)
    executed = list(zip(float_outputs, reference_outputs, shipping_outputs, strict=True))
    links.append(
        judge_outputs(names, lambda place: verify_kernels(*executed[place], limits, isa, steps[place]))
    )
    return links


def _require_outputs(link: int, names: Sequence[str], outputs: Outputs, truth: Outputs, runtime: str) -> None:
    """Refuse outputs of another number or of other shapes than those of the network.

    Raises:
        VerificationFailed: The message names the runtime, the output and both shapes.
    """
    found, wanted = ([list(output.shape[1:]) for output in each] for each in (outputs, truth))
    if found == wanted:
        return
    what = f"link {link} is broken: runtime {runtime} of {find_runtime(runtime).origin}"
    if len(found) != len(wanted):
        raise VerificationFailed(f"{what} returns {len(found)} outputs, the network {len(wanted)}")
    place = next(index for index, shape in enumerate(found) if shape != wanted[index])
    raise VerificationFailed(
        f"{what} returns {found[place]} for output {names[place]!r}, the network {wanted[place]}"
    )


def _description(contract: Path) -> TaskDescription:
    """Return the network's task from the output of the ``contract`` step."""
    return TaskDescription.model_validate(read_json(contract / "task.json"))


def _output_steps(inspection: Path) -> list[float | None]:
    """Return the value of one step of each of the file's outputs, if the file contains it."""
    described = read_json(inspection / INSPECTION)
    return [output["scale"] for output in described["outputs"]]


def _reference_file(model: Path, format_name: str, context: Context) -> Path:
    """Return the file for reference execution, for most formats the file itself."""
    out = context.scratch / "reference-file"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    child = process.call(
        "edgecnn.backends.entry:reference",
        ReferenceFileRequest(FormatFile(format_name, model), out),
        log=context.log,
        memory_bytes=process.memory_for(model, *companions(model)),
    )
    name = child.read(str)
    return model if name == model.name else out / name


@dataclass
class _Executor:
    """Executor of files on the probe.

    Attributes:
        names: Names of the last file's outputs.
    """

    probe: Path
    parameters: VerifyParameters
    context: Context
    names: tuple[str, ...] = ()

    def __call__(self, name: str, model: Path, execution: Execution) -> list[npt.NDArray[np.float32]]:
        images = PreparedSet.open(self.probe)
        ours = self.parameters
        shipping = name == "shipping"
        with LocalDevice().open(
            ours.runtime if shipping else ours.reference_runtime,
            model,
            log=self.context.log,
            execution=execution,
            threads=ours.threads,
            extra=ours.options if shipping else {},
        ) as session:
            described = json.dumps(session.description.to_json(), sort_keys=True)
            self.names = tuple(output.name for output in session.description.outputs)
            (self.context.out / RUNTIME).write_text(described, encoding="utf-8")
            evaluation = session.evaluate(
                self.probe / "images.npy",
                images.contract,
                self.context.scratch / name,
                progress=lambda done, total: self.context.progress(done, total, f"images, {name}"),
            )
            return [np.array(output) for output in evaluation.outputs]


def require_intact(outputs: Path) -> None:
    """Raise an error if a link is broken; this is the gate of steps that use a verified file.

    Raises:
        VerificationFailed: The message names the first broken link, its values and the likely cause.
    """
    broken = first_broken(read_links(outputs))
    if broken is not None:
        raise VerificationFailed(broken.message(), hint=HINTS[broken.number])


HINTS = {
    0: "edgecnn reads an operation of the file differently from the file's own runtime: export the file "
    "without it, or cut the network before it with --outputs; please report the file",
    1: "the float file is already wrong, before any quantization: report the network, or change the layer",
    2: "more or better calibration images often help; `verification` in the target holds the limits",
    3: "declare the machine's instruction set in the target (`isa`), so that the scheme fits its kernels",
    4: "allow more with `verification.task_drop` in the target, or train and quantize for longer",
}


def read_links(outputs: Path) -> list[Link]:
    """Read the links of a ``verify`` step."""
    return [Link.from_json(item) for item in read_json(outputs / RESULT)]


def verify_stage(runtime: str) -> Stage[VerifyParameters]:
    """Return the stage that verifies files for a runtime.

    If the runtime is in a separate environment, the format's own runtime executes the reference.

    Raises:
        UsageError: There is no such runtime.
    """
    record = find_runtime(runtime)
    if record.toolchain is None:
        return Stage("verify", 7, run, ("numpy", record.distribution, *record.origin.distributions))
    reference_runtime = find_runtime(find_format(record.format).runtime)
    packages = ("numpy", reference_runtime.distribution, *record.origin.distributions)
    return Stage("verify", 7, run, packages, toolchains=(record.toolchain,))
