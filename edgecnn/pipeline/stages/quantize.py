"""Stage ``quantize``: conversion of a float32 file to int8 or float16, by its format's native quantizer."""

from __future__ import annotations

import json
from typing import Any

from edgecnn.backends.entry import FormatFile, QuantizeFileRequest
from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.formats import companions, model_file
from edgecnn.backends.registry import find_format
from edgecnn.core import process
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.documents.inspection import Inspection
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.quantization.files import read_float_layers

NOTES = "quantization.json"
INSPECTION = "inspection.json"


@arguments
class QuantizeParameters:
    """The settings of the quantizer.

    Attributes:
        format: Format of the file.
        precision: ``fp16`` or ``int8``.
        isa: Instruction set of the target.
        options: The target's options for its quantizer.
    """

    format: str
    precision: str
    isa: str
    options: dict[str, Any]


def run(inputs: Inputs, parameters: QuantizeParameters, context: Context) -> None:
    """Quantize in a child process, with the quantizer's notes in ``quantization.json``."""
    options = dict(parameters.options)
    if "layers" in inputs:
        options["float_layers"] = read_float_layers(inputs["layers"])
    how = QuantizeRequest(
        precision=parameters.precision,
        calibration=inputs.get("calibration"),
        isa=parameters.isa,
        options=options,
        network=inputs.get("network"),
    )
    file = _file(inputs, parameters.format)
    child = process.call(
        "edgecnn.backends.entry:quantize",
        QuantizeFileRequest(file, context.out, how),
        log=context.log,
        memory_bytes=process.memory_for(file.model, *companions(file.model)),
    )
    context.charge("quantize", child)
    (context.out / NOTES).write_text(json.dumps(child.value, sort_keys=True), encoding="utf-8")


def _file(inputs: Inputs, format_name: str) -> FormatFile:
    return FormatFile(format_name, model_file(inputs["model"], format_name))


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
    """Inspect the file, and write the result to ``inspection.json``."""
    file = _file(inputs, parameters.format)
    child = process.call(
        "edgecnn.backends.entry:inspect",
        file,
        log=context.log,
        memory_bytes=process.memory_for(file.model, *companions(file.model)),
    )
    context.charge("inspect", child)
    found = child.read(Inspection).to_json()
    (context.out / INSPECTION).write_text(json.dumps(found, sort_keys=True), encoding="utf-8")


def inspect_stage(format: str) -> Stage[InspectParameters]:  # noqa: A002
    """Return the stage that inspects a format's file.

    Raises:
        UsageError: There is no such format.
    """
    record = find_format(format)
    packages = (*record.inspect.distributions, *record.origin.distributions)
    return Stage("inspect", record.inspect.version, inspect, packages)
