"""Derive the search space from a pipeline: its own values, and the defaults of its network's family."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_format, find_runtime
from edgecnn.core.config.budgets import EVERY_TARGET
from edgecnn.core.config.search import MOST_COMBINATIONS
from edgecnn.core.documents.search import FLOAT_BYTES, Space
from edgecnn.core.errors import UsageError
from edgecnn.models import zoo

if TYPE_CHECKING:
    from edgecnn.core.config.pipeline import Pipeline, PipelineSpec
    from edgecnn.core.config.search import Quantization, SearchBudgets, SearchSettings
    from edgecnn.core.config.target import Target


def space_of(pipeline: Pipeline) -> Space:
    """Return the search space of a pipeline, with the defaults of its network's family.

    Raises:
        UsageError: There is nothing to search, or the network or a target has no such value.
    """
    spec = pipeline.spec
    settings = spec.search
    if settings is None:
        raise UsageError(
            f"pipeline {spec.name} has no budgets to search for",
            hint="add search: {budgets: {TARGET: {accuracy_drop: 1 %, latency_ratio: 0.5, size: 500 kB}}}",
        )
    if spec.data.eval is None:
        raise UsageError("a search needs data.eval: accuracy is one of its budgets")
    budgets = _budgets(pipeline, settings)
    space = Space(
        budgets=budgets,
        widths=_widths(spec, settings),
        heights=_heights(spec, settings),
        quantizations=_quantizations(pipeline, settings, list(budgets)),
        macs=tuple(sorted(set(settings.macs or ((0.5, 1.0) if spec.train else (1.0,))))),
        factor=settings.factor,
        epochs=_epochs(spec, settings),
    )
    count = math.prod(map(len, (space.widths, space.heights, space.quantizations, space.macs)))
    if count > MOST_COMBINATIONS:
        raise UsageError(f"{count} combinations are too many, at most {MOST_COMBINATIONS} are searched")
    return space


def _budgets(pipeline: Pipeline, settings: SearchSettings) -> dict[str, SearchBudgets]:
    unknown = [name for name in settings.budgets if name != EVERY_TARGET and name not in pipeline.targets]
    if unknown:
        raise UsageError(
            f"search.budgets: {unknown[0]!r} is no target of this pipeline",
            hint=f"its targets: {', '.join(pipeline.targets)}",
        )
    found = {}
    for name, target in pipeline.targets.items():
        budget = settings.budgets.get(name, settings.budgets.get(EVERY_TARGET))
        if budget is None:
            continue
        if budget.latency_ratio is not None and find_runtime(target.runtime).simulates:
            raise UsageError(
                f"search.budgets: {name} has no latency, as {target.runtime} only simulates it",
                hint="leave latency_ratio out there",
            )
        found[name] = budget
    return found


def _widths(spec: PipelineSpec, settings: SearchSettings) -> tuple[float | None, ...]:
    own = original_width(spec)
    fixed = spec.model.pretrained or spec.model.weights is not None or spec.train is None
    if settings.width is not None:
        if fixed and set(settings.width) != {own}:
            raise UsageError(
                "search.width: weights of one width do not fit another",
                hint="leave pretrained and weights out and train, or search what keeps the weights",
            )
        return tuple(sorted(set(settings.width)))
    entry = zoo.entry_of(spec.model.name)
    if fixed or entry is None or not entry.widths:
        return (None,)
    return (*(width for width in entry.widths if width < own), own)


def original_width(spec: PipelineSpec) -> float:
    """Return the pipeline's value of the builder's argument ``width``.

    Raises:
        UsageError: It is not a number.
    """
    width = spec.model.arguments.get("width", 1.0)
    if isinstance(width, bool) or not isinstance(width, int | float):
        raise UsageError(f"model.arguments.width {width!r} is not a number")
    return float(width)


def _heights(spec: PipelineSpec, settings: SearchSettings) -> tuple[int | None, ...]:
    sides = original_sides(spec)
    if sides is None:
        if settings.input is None:
            return (None,)
        raise UsageError(
            f"search.input: the input size of {spec.model.name} is not known beforehand",
            hint="give preprocessing.height and preprocessing.width",
        )
    if settings.input is not None:
        return tuple(sorted(set(settings.input)))
    return tuple(sorted({*(_rounded(sides[0] * share) for share in (5 / 7, 6 / 7)), sides[0]}))


def original_sides(spec: PipelineSpec) -> tuple[int, int] | None:
    """Return height and width of the network's input, if they are known without building it."""
    entry = zoo.entry_of(spec.model.name)
    height = spec.preprocessing.height or (entry.contract.height if entry else None)
    width = spec.preprocessing.width or (entry.contract.width if entry else None)
    return None if height is None or width is None else (height, width)


def _rounded(side: float) -> int:
    """Return a side as a multiple of 32 pixels for photos, down to 4 for the smallest pictures.

    >>> _rounded(224 * 5 / 7), _rounded(28 * 6 / 7)
    (160, 24)
    """
    step = 32 if side >= 128 else 16 if side >= 64 else 4
    return max(8, step * round(side / step))


def _quantizations(
    pipeline: Pipeline, settings: SearchSettings, targets: list[str]
) -> tuple[Quantization, ...]:
    precisions = {pipeline.targets[name].precision for name in targets}
    if settings.quantization is None:
        if len(precisions) > 1:
            raise UsageError(
                f"search.budgets: {', '.join(targets)} differ in precision",
                hint="give search.quantization, which holds for all of them",
            )
        return (precisions.pop(),)
    for name in targets:
        _check_float(pipeline.targets[name], settings.quantization)
    return tuple(sorted(set(settings.quantization)))


def _check_float(target: Target, quantization: tuple[Quantization, ...]) -> None:
    """Refuse a float precision that a target's file cannot have."""
    floats = [name for name in quantization if name in FLOAT_BYTES]
    integer = target.compile is not None or target.budgets.float_ops == 0
    if floats and target.precision == "int8" and integer:
        raise UsageError(
            f"search.quantization: {floats[0]} is nothing for {target.name}, which is integer throughout",
            hint=f"leave {' and '.join(floats)} out, or search a float target",
        )
    for name in floats:
        if name not in find_format(target.format).precisions:
            raise UsageError(
                f"search.quantization: {target.format} files have no {name}", hint=f"leave {name} out"
            )


def _epochs(spec: PipelineSpec, settings: SearchSettings) -> tuple[int, ...]:
    """Return the lengths of the trainings: each ``factor`` times the one before.

    The last length is the pipeline's own.
    """
    if spec.train is None:
        return (0,)
    lengths = [spec.train.epochs]
    while len(lengths) < settings.rungs and lengths[0] >= settings.factor:
        lengths.insert(0, lengths[0] // settings.factor)
    return tuple(lengths)
