"""Rungs of the recovery ladder: which network each of them exports, and the steps that make it.

=============  ======================================================================================
``plain``      the network as it is, ranges between average and extremes
``ranges``     the same, with every range estimator tried
``equalize``   ranges of neighbouring layers evened out, biases corrected
``adaround``   that, with every weight rounded up or down as its layer's output wants it
``mixed``      that, with the few most sensitive layers left in float
``qat``        the network trained on with quantization simulated, and ranges learnt
=============  ======================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgecnn.config.quantization import RUNGS, Rung
from edgecnn.errors import UsageError
from edgecnn.runtimes.isa import ISAS

if TYPE_CHECKING:
    from edgecnn.config.target import Target
    from edgecnn.pipeline.plan import Plan

SEARCH = {"ranges": "search"}
CONTROL_STEP = "control"
CONTROL_REFERENCE = "reference@control"


@dataclass(frozen=True)
class Network:
    """What an attempt exports.

    Attributes:
        checkpoint: Id of the step that makes the checkpoint.
        suffix: What follows the format in the id of the step that lowers it.
        truth_suffix: The same, of the float file and the reference that the int8 file is held to.
        recovered: Whether what lies beside the checkpoint concerns the quantizer.
        options: Options that the rung gives to the quantizer; a target's own come before them.
        layers: Id of the step that names the layers to leave in float, or None.
    """

    checkpoint: str
    suffix: str = ""
    truth_suffix: str = ""
    recovered: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    layers: str | None = None


def network_of(plan: Plan, target: Target, rung: Rung) -> Network:
    """Add the steps that make a rung's network, and return it."""
    scheme = weight_scheme(target)  # noqa: F841
    match rung:
        case "plain":
            return Network(plan.checkpoint)
        case "ranges":
            return Network(plan.checkpoint, options=SEARCH)
        case _:
            raise UsageError(f"quantize.method {rung} is not built yet")


def weight_scheme(target: Target) -> str:
    """Return how a target's weights are quantized, as :mod:`edgecnn.compress` names it."""
    isa = ISAS.get(target.isa)
    saturates = isa is None or isa.int8_saturates
    if target.format == "tflite" or not saturates:
        return "symmetric"
    return {"onnx": "pairs-hwc", "openvino": "pairs-c"}[target.format]


def rungs_of(plan: Plan, target: Target) -> tuple[Rung, ...]:  # noqa: ARG001
    """Return the rungs that a target can climb in this pipeline, cheapest first; a pinned one is the only."""
    if target.precision != "int8":
        return ("plain",)
    if target.quantize.method != "auto":
        return (target.quantize.method,)
    return RUNGS[:2]
