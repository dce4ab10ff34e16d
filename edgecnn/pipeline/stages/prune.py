"""Stages ``sensitivity`` and ``prune``: what every layer can lose, and the network without it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgecnn.core import process
from edgecnn.core.config.pruning import Importance, Scope
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.documents.pruning import BeforeAfter, PruningStep, SensitivityCurves
from edgecnn.core.json_file import read_json
from edgecnn.models.spec_file import WEIGHTS_FILE
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.stages.train import TRAINING_PACKAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from edgecnn.data.prepared import PreparedSet
    from edgecnn.models.spec import ModelSpec
    from edgecnn.pruning.structure import Structure
    from edgecnn.training.task import TrainingTask

REPORT = "pruning.json"
CURVES = "sensitivity.json"
PACKAGES = (*TRAINING_PACKAGES, "torch-pruning")


@arguments
class PruneParameters:
    """Settings of pruning to a share of the multiply-accumulates or parameters.

    Attributes:
        metric: ``macs`` or ``params``.
        limit: Largest share of the unpruned network's that may be left.
        importance: Measure of a channel's importance.
        scope: How layers share the loss.
        multiple: Layers keep multiples of so many channels.
    """

    metric: Literal["macs", "params"]
    limit: float
    importance: Importance
    scope: Scope
    multiple: int


@arguments
class PruneRequest:
    """The network for a child process to prune.

    Attributes:
        checkpoint: The network.
        original: The network before any pruning: shares are shares of its cost.
        images: Prepared set that channels are judged by and batch norms are estimated on.
        curves: Outputs of the sensitivity stage, where the scope is ``sensitivity``.
        out: Directory of the pruned checkpoint and its report.
        how: How to prune.
        strict: Whether a limit that cannot be reached is an error.
    """

    checkpoint: Path
    original: Path
    images: Path
    curves: Path | None
    out: Path
    how: PruneParameters
    strict: bool


def run(inputs: Inputs, parameters: PruneParameters, context: Context) -> None:
    """Prune in a child process; writes the checkpoint, and the changes to ``pruning.json``."""
    prune_in_child(inputs, parameters, context, strict=True)


def prune_in_child(
    inputs: Inputs, parameters: PruneParameters, context: Context, *, strict: bool
) -> PruningStep:
    """Prune in a child process and return what ``pruning.json`` holds.

    Args:
        inputs: ``checkpoint``; ``original``, the network before any pruning; ``images``; and ``curves`` where
            the scope is ``sensitivity``.
        parameters: How to prune.
        context: Where to write.
        strict: Whether a limit that cannot be reached is an error.
    """
    child = process.call(
        "edgecnn.pipeline.stages.prune:prune",
        PruneRequest(
            checkpoint=inputs["checkpoint"],
            original=inputs["original"],
            images=inputs["images"],
            curves=inputs.get("curves"),
            out=context.out,
            how=parameters,
            strict=strict,
        ),
        log=context.log,
        memory_bytes=_memory_for(inputs),
        torch=True,
    )
    context.charge("prune", child)
    return child.read(PruningStep)


def _memory_for(inputs: Inputs) -> int:
    checkpoints = [inputs[name] for name in ("checkpoint", "original") if name in inputs]
    return process.memory_for(*(path / WEIGHTS_FILE for path in checkpoints), many_images=True)


def prune(request: PruneRequest) -> PruningStep:
    """Prune a checkpoint; runs in a child process."""
    from edgecnn.pruning import prune as pruning
    from edgecnn.pruning.costs import NetworkCosts
    from edgecnn.pruning.policy import Policy
    from edgecnn.pruning.recalibrate import recalibrate

    how = request.how
    network = _Network.open(request.checkpoint, request.images)
    whole = NetworkCosts.of(_Network.open(request.original, request.images).module, network.example)
    before = NetworkCosts.of(network.module, network.example)
    structure, scores = network.scored(how.importance)
    found = None
    if request.curves is not None:
        found = SensitivityCurves.from_json(read_json(request.curves / CURVES), CURVES)
    policy = Policy(how.scope, how.multiple, scores, found)
    pruned = pruning.prune(
        structure,
        policy,
        before,
        metric=how.metric,
        whole=whole.total(how.metric),
        limit=how.limit,
        strict=request.strict,
    )
    recalibrate(pruned.module, network.images)
    network.save(pruned.module, request.out)
    after = NetworkCosts.of(pruned.module, network.example)
    report = PruningStep(
        importance=how.importance,
        scope=how.scope,
        multiple=how.multiple,
        macs=BeforeAfter(before=whole.total("macs"), after=after.total("macs")),
        params=BeforeAfter(before=whole.total("params"), after=after.total("params")),
        at_least=pruned.cut.at_least,
        groups=pruned.widths,
    )
    (request.out / REPORT).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return report


@arguments
class SensitivityParameters:
    """Measure of a channel's importance; the least important are pruned first."""

    importance: Importance


@arguments
class SensitivityRequest:
    """A checkpoint to measure on a prepared set, in a child process; the curves are written to ``out``."""

    checkpoint: Path
    images: Path
    out: Path
    importance: Importance


def analyse(inputs: Inputs, parameters: SensitivityParameters, context: Context) -> None:
    """Measure in a child process; writes ``sensitivity.json``."""
    child = process.call(
        "edgecnn.pipeline.stages.prune:measure",
        SensitivityRequest(inputs["checkpoint"], inputs["images"], context.out, parameters.importance),
        log=context.log,
        memory_bytes=_memory_for(inputs),
        torch=True,
        progress=lambda done, total: context.progress(done, total, "groups of layers"),
    )
    context.charge("sensitivity", child)


def measure(request: SensitivityRequest, progress: Callable[[int, int], None]) -> None:
    """Measure what every group of channels can lose; runs in a child process."""
    import torch

    from edgecnn.pruning.sensitivity import measure_curves
    from edgecnn.training.distributed import Processes

    network = _Network.open(request.checkpoint, request.images)
    structure, scores = network.scored(request.importance)
    task = network.task(evaluated=True)
    alone = Processes(0, 1, torch.device("cpu"))

    def evaluate(module: nn.Module) -> float:
        value = task.evaluate(module, alone)
        assert value is not None  # noqa: S101 - there are images
        return value

    curves = measure_curves(
        structure, scores, evaluate, metric=task.metric, images=len(network.images), progress=progress
    )
    (request.out / CURVES).write_text(curves.model_dump_json(indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class _Network:
    """A checkpoint and the images that it is looked at with."""

    module: nn.Module
    spec: ModelSpec
    images: PreparedSet
    example: Tensor

    @classmethod
    def open(cls, checkpoint: Path, images: Path) -> _Network:
        import torch

        from edgecnn.data.prepared import PreparedSet
        from edgecnn.models.checkpoint import load_checkpoint
        from edgecnn.training.batches import to_input

        module, spec = load_checkpoint(checkpoint)
        prepared = PreparedSet.open(images)
        example = to_input(prepared.images[:1], prepared.contract, torch.device("cpu"))
        return cls(module, spec, prepared, example)

    def task(self, *, evaluated: bool = False) -> TrainingTask:
        from edgecnn.core.config.training import TrainSettings
        from edgecnn.pipeline.stages.train import make_task

        return make_task(self.spec, self.images, self.images if evaluated else None, TrainSettings(epochs=1))

    def scored(self, importance: Importance) -> tuple[Structure, dict[str, Tensor]]:
        """Return the groups of the network's channels, and the importance of every channel."""
        from edgecnn.pruning.importance import score
        from edgecnn.pruning.structure import Structure

        structure = Structure(self.module, self.example, self.spec.builder)
        return structure, score(structure, importance, self.task() if importance == "taylor" else None)

    def save(self, module: nn.Module, out: Path) -> None:
        """Write the pruned network, and read it again: what cannot be rebuilt from its files is refused."""
        import torch

        from edgecnn.core.errors import InputError
        from edgecnn.models.build import build
        from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
        from edgecnn.models.widths import differing_widths

        widths = differing_widths(module, build(self.spec.model_copy(update={"widths": {}})))
        save_checkpoint(
            out,
            module,
            self.spec.model_copy(update={"widths": widths}).with_weights("pruned by this pipeline"),
        )
        with torch.inference_mode():
            answers = [network(self.example) for network in (module.eval(), load_checkpoint(out)[0])]
        first, again = ([answer] if isinstance(answer, torch.Tensor) else answer for answer in answers)
        if not all(torch.equal(one, other) for one, other in zip(first, again, strict=True)):
            raise InputError(
                f"{self.spec.builder} answers otherwise when it is built again from its pruned weights",
                hint="its factory makes another network, or other constants, each time: let it make one, or "
                "leave out `prune`",
            )


PRUNE = Stage("prune", 2, run, PACKAGES, trains=True, forks_torch=True)
PRUNE_SENSITIVITY = Stage("prune-sensitivity", 2, analyse, PACKAGES, trains=True, forks_torch=True)
