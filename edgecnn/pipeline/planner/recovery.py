"""Rungs of the recovery ladder: the network that each exports, and the steps that make it.

=============  ======================================================================================
``plain``      the unchanged network, ranges between average and extremes
``ranges``     the same, with every range estimator tried
``equalize``   ranges of neighbouring layers equalized, biases corrected
``entry``      that, with the first few layers left in float; not in TFLite, which is integer throughout
``adaround``   equalized, with every weight rounded up or down to preserve its layer's output
``mixed``      that, with the few most sensitive layers left in float
``qat``        the network trained further with simulated quantization, and learnt ranges
=============  ======================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.kernels import kernels_of
from edgecnn.backends.registry import find_format
from edgecnn.core.config.qat import QatSettings
from edgecnn.core.config.quantization import RUNGS, Rung
from edgecnn.core.documents.metric import find_metric
from edgecnn.models.registry import find_source
from edgecnn.pipeline.plan import ExportedNetwork
from edgecnn.pipeline.stages.qat import CONTROL, QAT, QatParameters
from edgecnn.pipeline.stages.recover import EQUALIZE, ROUND, SENSITIVITY
from edgecnn.pipeline.stages.reference import REFERENCE, ReferenceParameters
from edgecnn.pipeline.step import Step
from edgecnn.quantization.requests import EqualizeParameters, LayerSensitivityParameters, RoundParameters

if TYPE_CHECKING:
    from edgecnn.core.config.target import Target
    from edgecnn.pipeline.plan import Plan
    from edgecnn.quantization.kernels import Kernels

SEARCH = {"ranges": "search"}
_ENTRY = 6
"""Largest number of layers that ``entry`` leaves in float."""

CONTROL_STEP = "control"
CONTROL_REFERENCE = "reference@control"


def network_of(plan: Plan, target: Target, rung: Rung) -> ExportedNetwork:
    """Add the steps that make a rung's network, and return it."""
    if rung == "plain":
        return ExportedNetwork(checkpoint=plan.checkpoint)
    kernels = kernels_of(target.format, target.isa)
    match rung:
        case "ranges":
            return ExportedNetwork(checkpoint=plan.checkpoint, options=SEARCH)
        case "equalize":
            equalized = _equalize(plan, kernels)
            return ExportedNetwork(checkpoint=equalized, suffix=f"@equalize-{kernels.name}", options=SEARCH)
        case "entry":
            entry = _equalize(plan, kernels, _ENTRY)
            return ExportedNetwork(
                checkpoint=entry,
                suffix=f"@entry-{kernels.name}",
                recovered=True,
                options=SEARCH,
                layers=entry,
            )
        case "adaround" | "mixed":
            return ExportedNetwork(
                checkpoint=_round(plan, kernels),
                suffix=f"@adaround-{kernels.name}",
                recovered=True,
                options=SEARCH,
                layers=_sensitivity(plan, kernels) if rung == "mixed" else None,
            )
        case "qat":
            _control(plan)
            return ExportedNetwork(checkpoint=_qat(plan), suffix="@qat", truth_suffix="@qat", recovered=True)


def rungs_of(plan: Plan, target: Target) -> tuple[Rung, ...]:
    """Return the rungs of a target in this pipeline, cheapest first; only the pinned one if there is one."""
    if target.precision != "int8":
        return ("plain",)
    if target.quantize.method != "auto":
        return (target.quantize.method,)
    spec = plan.pipeline.spec
    rungs: tuple[Rung, ...] = RUNGS if spec.qat is not None or spec.train is not None else RUNGS[:-1]
    if find_format(target.format).integer_int8 or target.compile is not None:
        rungs = tuple(rung for rung in rungs if rung != "entry")
    if not find_source(spec.model.name).trusts_first_rung and not is_held_to_accuracy(target):
        # No measurement would show that the first rung is not enough, and for detectors with SiLU it is not.
        rungs = rungs[rungs.index("entry" if "entry" in rungs else "equalize") :]
    return rungs


def is_held_to_accuracy(target: Target) -> bool:
    """Return whether a target has a budget that a better quantization could meet."""
    return any(find_metric(name).recovers for name in target.budgets.given())


def _equalize(plan: Plan, kernels: Kernels, entry: int = 0) -> str:
    inputs = {"checkpoint": plan.checkpoint, "calibration": "calibration"}
    name = f"{'entry' if entry else 'equalize'}:{kernels.name}"
    return plan.add(Step(name, EQUALIZE, EqualizeParameters(kernels, entry=entry), inputs))


def _round(plan: Plan, kernels: Kernels) -> str:
    inputs = {"checkpoint": plan.checkpoint, "calibration": "calibration"}
    return plan.add(Step(f"adaround:{kernels.name}", ROUND, RoundParameters(kernels), inputs))


def _sensitivity(plan: Plan, kernels: Kernels) -> str:
    inputs = {"checkpoint": plan.checkpoint, "calibration": "calibration"}
    parameters = LayerSensitivityParameters(kernels)
    return plan.add(Step(f"sensitivity:{kernels.name}", SENSITIVITY, parameters, inputs))


def _qat(plan: Plan) -> str:
    """Add the training for int8 and PyTorch's outputs of its result."""
    trained = plan.add(Step("qat", QAT, _qat_parameters(plan), _qat_inputs(plan)))
    inputs = {"checkpoint": trained, "probe": "probe"}
    plan.add(Step("reference@qat", REFERENCE, ReferenceParameters(), inputs))
    return trained


def _control(plan: Plan) -> None:
    """Add the float training of equal steps, which shows the gain of training alone."""
    control = plan.add(Step(CONTROL_STEP, CONTROL, _qat_parameters(plan), _qat_inputs(plan)))
    inputs = {"checkpoint": control, "probe": "probe"} | ({"eval": "prepare:eval"} if plan.has_eval else {})
    plan.add(Step(CONTROL_REFERENCE, REFERENCE, ReferenceParameters(), inputs))


def _qat_parameters(plan: Plan) -> QatParameters:
    spec = plan.pipeline.spec
    settings = spec.qat or QatSettings()
    return QatParameters(settings, spec.train)


def _qat_inputs(plan: Plan) -> dict[str, str]:
    inputs = {"checkpoint": plan.checkpoint, "train": "prepare:train", "calibration": "calibration"}
    return inputs | ({"eval": "prepare:eval"} if plan.has_eval else {})
