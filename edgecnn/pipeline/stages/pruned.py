"""Stage ``pruned``: a report on the removed channels and the accuracy at each step."""

from __future__ import annotations

from pydantic import JsonValue

from edgecnn.core.documents.arguments import arguments
from edgecnn.core.documents.pruning import PruningReport, PruningStep, SensitivityCurves
from edgecnn.core.json_file import read_json
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.spec import ModelSpec
from edgecnn.pipeline.stages import reference
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.stages.outputs import read_outputs
from edgecnn.pipeline.stages.prune import CURVES, REPORT
from edgecnn.tasks.registry import task_of

RESULT = "pruned.json"
REFERENCES = ("unpruned", "pruned", "finetuned", "control")
"""Networks whose outputs are compared: the original, after the last pruning, after the training, and the
unpruned network after the same training."""


@arguments
class PrunedParameters:
    """The goal of the pruning.

    Attributes:
        goal: ``macs``, ``params``, ``size`` or ``latency``, with the pipeline's value.
        steps: Number of prunings.
        epochs: Epochs of training after and between them.
    """

    goal: dict[str, JsonValue]
    steps: int
    epochs: int


def run(inputs: Inputs, parameters: PrunedParameters, context: Context) -> None:
    """Write ``pruned.json``.

    Inputs are ``last``, the last pruning; ``curves`` if sensitivities were measured; and with evaluation
    images ``eval`` and the outputs of those of the networks in :data:`REFERENCES` that exist.
    """
    last = PruningStep.from_json(read_json(inputs["last"] / REPORT), REPORT)
    report = PruningReport(
        **dict(last), goal=parameters.goal, steps=parameters.steps, epochs=parameters.epochs
    ).model_copy(update=_accuracy(inputs))
    if "curves" in inputs:
        curves = read_json(inputs["curves"] / CURVES)
        report = report.model_copy(update={"sensitivity": SensitivityCurves.from_json(curves, CURVES)})
    (context.out / RESULT).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    context.notes["pruning"] = report.to_json()


def _accuracy(inputs: Inputs) -> dict[str, str | dict[str, float]]:
    """Return the task's metric of every network, and its agreement with the unpruned one.

    The result is empty without evaluation images.
    """
    if "eval" not in inputs:
        return {}
    spec = ModelSpec.from_json(read_json(inputs["last"] / "spec.json"))
    labelled = task_of(spec.task).labelled(PreparedSet.open(inputs["eval"]))
    outputs = {name: read_outputs(inputs[name] / reference.EVAL) for name in REFERENCES if name in inputs}
    whole = outputs["unpruned"]
    accuracy = {name: labelled.values(answers)[labelled.metric] for name, answers in outputs.items()}
    alike = {name: labelled.class_agreement(whole, answers) for name, answers in outputs.items()}
    agreement = {name: value for name, value in alike.items() if value is not None}
    return {"metric": labelled.metric, "accuracy": accuracy, "agreement": agreement}


PRUNED = Stage("pruned", 2, run)
