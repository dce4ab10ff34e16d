"""Stages ``qat`` and ``control``: training of a checkpoint for int8, and for as many steps in float."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from edgecnn.core import process
from edgecnn.core.config.qat import QatSettings
from edgecnn.core.config.training import TrainSettings
from edgecnn.core.documents.arguments import arguments
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.stages.train import TRAINING_PACKAGES, make_task, report, use_threads
from edgecnn.quantization.files import GRID_FILE

if TYPE_CHECKING:
    from torch import nn

    from edgecnn.models.spec import ModelSpec
    from edgecnn.quantization.qat.training import Trained


@arguments
class QatParameters:
    """Settings of the training.

    Attributes:
        settings: The pipeline's ``qat`` section.
        train: Settings of the network's previous training; None if it was given trained.
    """

    settings: QatSettings
    train: TrainSettings | None


def run(inputs: Inputs, parameters: QatParameters, context: Context) -> None:
    """Write the checkpoint, with its weights' grid and its activations' ranges beside it."""
    module, spec, trained = _train(inputs, parameters, context, quantized=True)
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.models.checkpoint import save_checkpoint
    from edgecnn.models.weights import write_safetensors
    from edgecnn.quantization.qat.extract import extract

    extraction = extract(trained.network, module, PreparedSet.open(inputs["calibration"]))
    save_checkpoint(context.out, extraction.module, spec.with_weights("trained for int8 by this pipeline"))
    write_safetensors(extraction.grid, context.out / GRID_FILE)
    extraction.ranges.save(context.out)
    if trained.first_ranges is not None:
        context.notes["first_ranges"] = trained.first_ranges.notes().to_json()


def control(inputs: Inputs, parameters: QatParameters, context: Context) -> None:
    """Write the checkpoint of the same number of steps in float."""
    module, spec, trained = _train(inputs, parameters, context, quantized=False)
    from edgecnn.models.checkpoint import save_checkpoint
    from edgecnn.quantization.qat.extract import trained_module

    save_checkpoint(
        context.out,
        trained_module(trained.network, module),
        spec.with_weights("fine-tuned in float by this pipeline, as the control of its int8 training"),
    )


def _train(
    inputs: Inputs, parameters: QatParameters, context: Context, *, quantized: bool
) -> tuple[nn.Module, ModelSpec, Trained]:
    """Train in this process, so that Ctrl-C reaches the loop."""
    # OpenMP reads this when torch is imported, below.
    os.environ.setdefault("OMP_WAIT_POLICY", process.OMP_WAIT_POLICY)
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.models.checkpoint import load_checkpoint
    from edgecnn.quantization.qat.training import Data, train_network

    use_threads(context)
    module, spec = load_checkpoint(inputs["checkpoint"])
    started = time.monotonic()
    train_set = PreparedSet.open(inputs["train"])
    eval_set = PreparedSet.open(inputs["eval"]) if "eval" in inputs else None
    trained = train_network(
        module,
        Data(
            train_set,
            PreparedSet.open(inputs["calibration"]),
            task=lambda settings: make_task(spec, train_set, eval_set, settings),
        ),
        parameters.settings,
        parameters.train,
        quantized=quantized,
        scratch=context.scratch,
        progress=lambda state: report(context, state),
    )
    context.notes["training"] = trained.result.to_json()
    context.costs["train"] = {"wall_s": round(time.monotonic() - started, 3)}
    return module, spec, trained


QAT = Stage("qat", 2, run, (*TRAINING_PACKAGES, "torchao"), trains=True)
CONTROL = Stage("control", 2, control, TRAINING_PACKAGES, trains=True)
