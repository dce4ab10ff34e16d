"""Stage ``quantize``: a float32 file becomes an int8 or float16 one, by its format's native quantizer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from edgecnn.backends.formats import model_file
from edgecnn.backends.registry import find_format
from edgecnn.core import process
from edgecnn.core.documents.arguments import arguments
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.quantization.files import read_float_layers

if TYPE_CHECKING:
    from pathlib import Path

NOTES = "quantization.json"
INSPECTION = "inspection.json"


@arguments
class QuantizeParameters:
    """What is asked of the quantizer.

    Attributes:
        format: Format of the file.
        precision: ``fp16`` or ``int8``.
        isa: Instruction set that the target declares.
        options: The target's options for its quantizer.
    """

    format: str
    precision: str
    isa: str
    options: dict[str, Any]


def run(inputs: Inputs, parameters: QuantizeParameters, context: Context) -> None:
    """Quantize in a child process; what the quantizer notes is written to ``quantization.json``."""
    calibration, network = inputs.get("calibration"), inputs.get("network")
    options = parameters.options | (_float_layers(inputs["layers"]) if "layers" in inputs else {})
    child = process.call(
        "edgecnn.backends.entry:quantize",
        {
            "format": parameters.format,
            "model": str(model_file(inputs["model"], parameters.format)),
            "out": str(context.out),
            "request": {
                "precision": parameters.precision,
                "calibration": None if calibration is None else str(calibration),
                "isa": parameters.isa,
                "options": options,
                "network": None if network is None else str(network),
            },
        },
        log=context.log,
    )
    notes = context.charge("quantize", child)
    (context.out / NOTES).write_text(json.dumps(notes, sort_keys=True), encoding="utf-8")


def _float_layers(found: Path) -> dict[str, Any]:
    """Return the option that a sensitivity analysis decided."""
    return {"float_layers": read_float_layers(found)}


def quantize_stage(format: str) -> Stage[QuantizeParameters]:  # noqa: A002  the name in targets and requests
    """Return the stage that quantizes with a format's native quantizer.

    Raises:
        UsageError: There is no such format.
    """
    record = find_format(format)
    packages = (*record.quantize.distributions, *record.origin.distributions)
    return Stage("quantize", record.quantize.version, run, packages)


@arguments
class InspectParameters:
    """The format of the file to read."""

    format: str


def inspect(inputs: Inputs, parameters: InspectParameters, context: Context) -> None:
    """Read back what the file is, and write it to ``inspection.json``."""
    child = process.call(
        "edgecnn.backends.entry:inspect",
        {"format": parameters.format, "model": str(model_file(inputs["model"], parameters.format))},
        log=context.log,
    )
    (context.out / INSPECTION).write_text(
        json.dumps(context.charge("inspect", child), sort_keys=True), encoding="utf-8"
    )


def inspect_stage(format: str) -> Stage[InspectParameters]:  # noqa: A002
    """Return the stage that reads a format's file back.

    Raises:
        UsageError: There is no such format.
    """
    record = find_format(format)
    packages = (*record.inspect.distributions, *record.origin.distributions)
    return Stage("inspect", record.inspect.version, inspect, packages)
