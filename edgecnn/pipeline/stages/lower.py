"""Stage ``lower``: a checkpoint becomes a float32 file of one format."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core import process
from edgecnn.pipeline.stages.base import Context, Inputs, Stage


@dataclass(frozen=True)
class LowerParameters:
    """The format to lower to."""

    format: str


def run(inputs: Inputs, parameters: LowerParameters, context: Context) -> None:
    """Convert in a child process, which imports only what the format needs."""
    child = process.call(
        "edgecnn.backends.entry:lower",
        {"format": parameters.format, "checkpoint": str(inputs["checkpoint"]), "out": str(context.out)},
        log=context.log,
    )
    context.charge("lower", child)


LOWER = {
    "onnx": Stage("lower", 1, run, ("torch", "onnx", "onnxscript")),
    "tflite": Stage("lower", 2, run, ("torch", "litert-torch")),
    "openvino": Stage("lower", 1, run, ("torch", "openvino")),
}
