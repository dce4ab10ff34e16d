"""Pipelines derived from the searched one: a combination, trained partly or in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core.config.budgets import EVERY_TARGET
from edgecnn.core.config.pipeline import CalibrationConfig, Pipeline
from edgecnn.core.config.pruning import GOALS, PruneSettings
from edgecnn.core.config.quantities import WRITTEN
from edgecnn.core.config.yaml_source import YamlSource
from edgecnn.pipeline.loading import from_source
from edgecnn.pipeline.search.space import original_sides, original_width

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.core.config.pipeline import PipelineSpec
    from edgecnn.core.config.search import Quantization
    from edgecnn.core.config.training import TrainSettings, TransferSettings
    from edgecnn.core.documents.search import Combination, Space

Content = dict[str, Any]
"""The content of a pipeline file."""

_NO_MATTER_OF_COSTS = frozenset({"steps", "step_epochs", "sensitivity", "distill", "control"})
"""Keys of the ``prune`` section that do not affect the remaining share of a network."""


def document(spec: PipelineSpec) -> Content:
    """Return a pipeline as the content of an equivalent file without ``extends``.

    It holds only the given keys; ``extends`` is resolved, ``search`` left out.
    """
    content = spec.model_dump(mode="json", exclude_unset=True, exclude={"extends", "search"}, context=WRITTEN)
    data = content.get("data", {})
    if data.get("root"):  # replaces these two, and is refused beside them
        content["data"] = {key: value for key, value in data.items() if key not in ("train", "eval")}
    return content


def original(pipeline: Pipeline, space: Space, epochs: int) -> Content:
    """Return the unpruned pipeline for the searched targets, for this many epochs, without budgets."""
    content = document(pipeline.spec)
    content.pop("prune", None)
    content["targets"] = {name: content["targets"][name] for name in space.budgets}
    content |= {"budgets": {}, "benchmark": None}
    return _trained(content, pipeline.spec.train, epochs)


def sketch(pipeline: Pipeline, space: Space, combination: Combination, epochs: int) -> Content:
    """Return a combination that is trained for a part of the time, without budgets."""
    content = _combined(original(pipeline, space, epochs), pipeline.spec, combination)
    if "prune" in content and pipeline.spec.train is not None:
        content["prune"] = _pruned_sooner(content["prune"], epochs / pipeline.spec.train.epochs)
    return content


def untrained(pipeline: Pipeline, space: Space, combination: Combination) -> Content:
    """Return a combination without any training, for measuring its costs.

    Random weights then decide which channels are pruned, so the costs of a pruned network are an estimate.
    """
    content = with_few_images(sketch(pipeline, space, combination, space.epochs[0]))
    if "prune" in content:
        kept = {name: value for name, value in content["prune"].items() if name not in _NO_MATTER_OF_COSTS}
        scope = "local" if kept.get("scope") == "sensitivity" else kept.get("scope", "global")
        content["prune"] = {**kept, "scope": scope, "epochs": 0}
    return content


def with_few_images(content: Content) -> Content:
    """Return a pipeline that decodes no more images than calibration needs."""
    data = content.get("data", {})
    count = data.get("calibration", {}).get("count", CalibrationConfig().count)
    return {**content, "data": {**data, "limit": min(count, data.get("limit", count))}}


def final(pipeline: Pipeline, space: Space, combination: Combination, floors: Mapping[str, float]) -> Content:
    """Return a combination as it would ship.

    The search's budgets are added to the pipeline's own: the size directly, the accuracy drop against the
    original network as a smallest accuracy.

    Args:
        pipeline: The pipeline that is searched.
        space: Its search space.
        combination: The combination.
        floors: Smallest task metric by target.
    """
    content = document(pipeline.spec)
    content["targets"] = {name: content["targets"][name] for name in space.budgets}
    unmeasured = () if combination.macs < 1.0 else ("unpruned_drop",)
    budgets = {
        name: {what: limit for what, limit in limits.items() if what not in unmeasured}
        for name, limits in content.get("budgets", {}).items()
        if name == EVERY_TARGET or name in space.budgets
    }
    for name, searched in space.budgets.items():
        # A floor of 0 is no budget, because no network could miss it.
        limits: Content = {"accuracy": floors[name]} if floors[name] else {}
        if searched.size is not None:
            limits["size"] = f"{searched.size} B"
        budgets[name] = budgets.get(name, {}) | limits
    content["budgets"] = budgets
    content["name"] = f"{pipeline.spec.name}-found"
    return _combined(content, pipeline.spec, combination)


def as_pipeline(content: Content) -> Pipeline:
    """Return the content as a pipeline with its targets resolved.

    Raises:
        UsageError: A target or the schema does not allow a value of a combination.
    """
    return from_source(YamlSource(content, {}, content["name"]))


def _combined(content: Content, spec: PipelineSpec, combination: Combination) -> Content:
    """Apply a combination to the content of a pipeline.

    A value equal to the pipeline's is not changed, so that the network has the same key in the store.
    """
    if combination.width not in (None, original_width(spec)):
        model = content["model"]
        arguments = {**model.get("arguments", {}), "width": combination.width}
        content["model"] = {**model, "arguments": arguments}
    sides = original_sides(spec)
    if combination.height is not None and sides is not None and combination.height != sides[0]:
        height, width = combination.height, round(combination.height * sides[1] / sides[0])
        content["preprocessing"] = {**content.get("preprocessing", {}), "height": height, "width": width}
    content.pop("prune", None)
    if combination.macs < 1.0:
        content["prune"] = _pruning(spec, combination.macs)
    content["targets"] = {
        name: _quantized(changes or {}, combination.quantization)
        for name, changes in content["targets"].items()
    }
    return content


def _quantized(changes: Content, quantization: Quantization) -> Content:
    """Return a pipeline's changes to a target for one quantization."""
    if quantization in ("fp32", "fp16", "int8"):
        return {**changes, "precision": quantization}
    quantize = {**changes.get("quantize", {}), "method": quantization}
    return {**changes, "precision": "int8", "quantize": quantize}


def _pruning(spec: PipelineSpec, macs: float) -> Content:
    """Return the pipeline's pruning settings with another goal.

    Without such settings, the network is trained again for the same time from half the learning rate.
    """
    if spec.prune is None:
        if spec.train is None:
            return {"macs": macs}
        rate = spec.train.optimizer.lr / 2
        return {"macs": macs, "epochs": spec.train.epochs, "ema": spec.train.ema, "lr": rate}
    given = spec.prune.model_dump(mode="json", exclude_unset=True, context=WRITTEN)
    return {**{name: value for name, value in given.items() if name not in GOALS}, "macs": macs}


def _pruned_sooner(prune: Content, share: float) -> Content:
    """Shorten the training of a pruning, which is a single one if there is no time for its steps."""
    settings = PruneSettings.model_validate(prune, context=WRITTEN)
    epochs = max(1, round(settings.epochs * share)) if settings.epochs else 0
    shorter = {"epochs": epochs, "warmup_epochs": settings.warmup_epochs * share}
    fits = settings.steps == 1 or (settings.steps - 1) * settings.step_epochs < epochs
    return {**prune, **shorter, **({} if fits else {"steps": 1})}


def _trained(content: Content, train: TrainSettings | None, epochs: int) -> Content:
    """Shorten the training; periods given in epochs keep their share of it."""
    if train is None or epochs == train.epochs:
        return content
    share = epochs / train.epochs
    shorter = train.model_copy(
        update={
            "epochs": epochs,
            "warmup_epochs": train.warmup_epochs * share,
            "augment": train.augment.shortened(share),
            "transfer": _sooner(train.transfer, share, epochs),
        }
    )
    content["train"] = shorter.model_dump(mode="json", exclude_unset=True)
    return content


def _sooner(transfer: TransferSettings, share: float, epochs: int) -> TransferSettings:
    """Return a copy that unfreezes layers after the same share of epochs; later ones are left out."""
    unfreeze: dict[int, tuple[str, ...]] = {}
    for epoch, names in transfer.unfreeze.items():
        sooner = max(1, round(epoch * share))
        if sooner < epochs:
            unfreeze[sooner] = (*unfreeze.get(sooner, ()), *names)
    return transfer.model_copy(update={"unfreeze": unfreeze})
