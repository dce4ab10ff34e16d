"""Stage ``count``: the Arm instructions that one inference executes on emulated devices."""

from __future__ import annotations

import json

from edgecnn.backends.formats import model_file
from edgecnn.backends.registry import find_runtime, runtimes
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import UsageError
from edgecnn.core.toolchains.emulation import NAME
from edgecnn.devices.qemu import EmulatedDevice
from edgecnn.pipeline.stages.base import Context, Inputs, Stage

RESULT = "instructions.json"


@arguments
class CountParameters:
    """The file and the devices for a count of instructions.

    Attributes:
        format: Format of the file.
        runtime: Runtime that executes it.
        devices: Emulated devices.
    """

    format: str
    runtime: str
    devices: list[str]

    def __post_init__(self) -> None:
        if not find_runtime(self.runtime).emulated:
            emulated = [name for name, record in runtimes().items() if record.emulated]
            raise UsageError(
                f"instructions of {self.runtime} cannot be counted: the emulated devices hold "
                f"{' and '.join(emulated)}",
                hint="remove the budget `instructions`",
            )


def run(inputs: Inputs, parameters: CountParameters, context: Context) -> None:
    """Write the counts by device."""
    model = model_file(inputs["model"], parameters.format)
    counts = {}
    for done, name in enumerate(parameters.devices):
        context.progress(done, len(parameters.devices), name)
        counts[name] = EmulatedDevice(name).count(parameters.runtime, model, log=context.log).to_json()
    (context.out / RESULT).write_text(json.dumps(counts), encoding="utf-8")


COUNT = Stage("count", 2, run, toolchains=(NAME,))
