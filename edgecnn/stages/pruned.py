"""Stage ``pruned``: what pruning took from the network, and what it cost in accuracy, in one document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edgecnn.data.prepared import PreparedSet
from edgecnn.measure.task import task_of
from edgecnn.models.spec import ModelSpec
from edgecnn.stages import reference
from edgecnn.stages.base import Context, Inputs, Stage
from edgecnn.stages.outputs import read_outputs
from edgecnn.stages.prune import REPORT

RESULT = "pruned.json"
REFERENCES = ("unpruned", "pruned", "finetuned", "control")
"""Networks whose answers are compared: before, at once after the last pruning, after the training, and
unpruned after as much training."""


@dataclass(frozen=True)
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

    Inputs are ``last``, the last pruning; and where there are evaluation images ``eval``, and the answers of
    the networks called :data:`REFERENCES`, as far as there are such.
    """
    last = json.loads((inputs["last"] / REPORT).read_text(encoding="utf-8"))
    document = {
        "goal": parameters.goal,
        "steps": parameters.steps,
        "epochs": parameters.epochs,
        **last,
        **_accuracy(inputs),
    }
    (context.out / RESULT).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    context.notes["pruning"] = document


def _accuracy(inputs: Inputs) -> dict[str, Any]:
    """Return the task's metric of every network that was evaluated; nothing without evaluation images."""
    if "eval" not in inputs:
        return {}
    spec = ModelSpec.from_json(json.loads((inputs["last"] / "spec.json").read_text(encoding="utf-8")))
    task = task_of(PreparedSet.open(inputs["eval"]), spec.detector)
    return {
        "metric": task.metric,
        "accuracy": {
            name: task.values(read_outputs(inputs[name] / reference.EVAL))[task.metric]
            for name in REFERENCES
            if name in inputs
        },
    }


PRUNED = Stage("pruned", 1, run)
