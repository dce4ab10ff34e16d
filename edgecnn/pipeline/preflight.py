"""Checks before work starts: everything that can be known without decoding an image or importing torch."""

from __future__ import annotations

import functools
import shutil
from typing import TYPE_CHECKING, Any

from edgecnn.core.config.paths import cache_dir, home
from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.metric import BUDGETS
from edgecnn.core.errors import EdgecnnError, MachineFault, together
from edgecnn.data.prepare import check_class_count
from edgecnn.data.source import open_source
from edgecnn.models.registry import find_source
from edgecnn.pipeline.keys import package_versions
from edgecnn.pipeline.planner.input_digests import network_content
from edgecnn.pipeline.stages.compile import compile_stage
from edgecnn.pipeline.stages.count import COUNT
from edgecnn.pipeline.stages.evaluate import evaluate_stage
from edgecnn.pipeline.stages.lower import lower_stage
from edgecnn.pipeline.stages.network import network_stage
from edgecnn.pipeline.stages.quantize import inspect_stage, quantize_stage
from edgecnn.pipeline.stages.verify import verify_stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.core.config.pipeline import Pipeline, PipelineSpec
    from edgecnn.core.config.target import Target
    from edgecnn.pipeline.stages.base import Stage

LEAST_FREE_BYTES = 200_000_000
"""Free space below which a run is not started: a small network and its images need about as much."""


def check_before_work(pipeline: Pipeline) -> None:
    """Check names, budgets, datasets, the packages and toolchains of every target, and the disk.

    Args:
        pipeline: The pipeline to be executed.

    Raises:
        EdgecnnError: One or several things are missing or wrong; the message has a line for each.
    """
    spec = pipeline.spec
    problems: list[EdgecnnError] = []
    _try(problems, lambda: pipeline.refuse_unknown_budgets(BUDGETS))
    _try(problems, lambda: network_content(spec.model))
    for reference in dict.fromkeys((spec.data.train, spec.data.eval, spec.data.calibration.source)):
        if reference is not None:
            _try(problems, functools.partial(_check_dataset, reference, spec))
    _try(problems, lambda: package_versions(network_stage(spec.model.name)))
    for target in pipeline.targets.values():
        problems += missing_for(target)
    _try(problems, lambda: _need_space(home()))
    if problems:
        raise together(problems)


def missing_for(target: Target) -> list[EdgecnnError]:
    """Return an error for each package and toolchain that a target needs and that is not installed."""
    problems: list[EdgecnnError] = []
    for stage in _stages(target):
        _try(problems, functools.partial(package_versions, stage))
    return problems


def _try(problems: list[EdgecnnError], check: Callable[[], object]) -> None:
    """Make a check and keep its error."""
    try:
        check()
    except EdgecnnError as error:
        problems.append(error)


def _check_dataset(reference: str, spec: PipelineSpec) -> None:
    """Open a dataset and compare its classes with the network's, if that is to be evaluated as it is.

    Files are listed and labels read, but no image is decoded.
    """
    classes = open_source(reference, cache_dir=cache_dir(), allow_fetch=spec.data.fetch).classes
    if reference != spec.data.eval or spec.train is not None or spec.model.weights is not None:
        return
    try:
        known = find_source(spec.model.name).known_classes(spec.model.name)
    except EdgecnnError:  # the check of the network says it
        return
    if known is not None:
        check_class_count(classes, known)


def _stages(target: Target) -> list[Stage[Any]]:
    """Return the stages that make and prove a target's file."""
    stages: list[Stage[Any]] = [
        lower_stage(target.format),
        inspect_stage(target.format),
        verify_stage(target.runtime),
        evaluate_stage(target.runtime),
    ]
    if target.precision != "fp32":
        stages.append(quantize_stage(target.format))
    if target.compile is not None:
        stages.append(compile_stage(target.compile.compiler))
    if target.budgets.instructions:
        stages.append(COUNT)
    return stages


def _need_space(folder: Path) -> None:
    """Require that a folder's disk is not nearly full; a folder that is not there yet is not judged."""
    if folder.is_dir() and (free := shutil.disk_usage(folder).free) < LEAST_FREE_BYTES:
        found, needed = format_size(free), format_size(LEAST_FREE_BYTES)
        raise MachineFault(
            f"{folder} has {found} of free space, and a run needs {needed}",
            hint="free space, or choose another folder with EDGECNN_HOME",
        )
