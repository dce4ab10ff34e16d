"""Stage ``pruned``: what pruning took from the network, and what it cost in accuracy, in one document."""

from __future__ import annotations

import json
from typing import Any

from edgecnn.core.documents.arguments import arguments
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.spec import ModelSpec
from edgecnn.pipeline.stages import reference
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.stages.outputs import read_outputs
from edgecnn.pipeline.stages.prune import CURVES, REPORT
from edgecnn.tasks.registry import task_of

RESULT = "pruned.json"
REFERENCES = ("unpruned", "pruned", "finetuned", "control")
"""Networks whose answers are compared: before, at once after the last pruning, after the training, and
unpruned after as much training."""


@arguments
class PrunedParameters:
    """What was asked for.

    Attributes:
        goal: ``macs``, ``params``, ``size`` or ``latency``, with what the pipeline asks of it.
        steps: Number of prunings.
        epochs: Epochs of training after and between them.
    """

    goal: dict[str, Any]
    steps: int
    epochs: int


def run(inputs: Inputs, parameters: PrunedParameters, context: Context) -> None:
    """Write ``pruned.json``.

    Inputs are ``last``, the last pruning; ``curves`` where sensitivities were measured; and where there are
    evaluation images ``eval``, and the answers of the networks called :data:`REFERENCES`, as far as there are
    such.
    """
    last = json.loads((inputs["last"] / REPORT).read_text(encoding="utf-8"))
    document: dict[str, Any] = {
        "goal": parameters.goal,
        "steps": parameters.steps,
        "epochs": parameters.epochs,
        **last,
        **_accuracy(inputs),
    }
    if "curves" in inputs:
        document["sensitivity"] = json.loads((inputs["curves"] / CURVES).read_text(encoding="utf-8"))
    (context.out / RESULT).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    context.notes["pruning"] = document


def _accuracy(inputs: Inputs) -> dict[str, Any]:
    """Return the task's metric of every network, and how often it names the unpruned one's class.

    Nothing is known without evaluation images.
    """
    if "eval" not in inputs:
        return {}
    spec = ModelSpec.from_json(json.loads((inputs["last"] / "spec.json").read_text(encoding="utf-8")))
    labelled = task_of(spec.task).labelled(PreparedSet.open(inputs["eval"]))
    outputs = {name: read_outputs(inputs[name] / reference.EVAL) for name in REFERENCES if name in inputs}
    found: dict[str, Any] = {
        "metric": labelled.metric,
        "accuracy": {name: labelled.values(answers)[labelled.metric] for name, answers in outputs.items()},
    }
    whole = outputs["unpruned"]
    agreement = {name: labelled.class_agreement(whole, answers) for name, answers in outputs.items()}
    return found if None in agreement.values() else {**found, "agreement": agreement}


PRUNED = Stage("pruned", 2, run)
