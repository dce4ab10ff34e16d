"""Loading of pipelines: the file, its overrides, its checks, and its targets."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, TypeVar

from edgecnn.backends.targets import load_target
from edgecnn.core.config.budgets import EVERY_TARGET, wrong_budgets
from edgecnn.core.config.cpu_names import latency_places, misnamed_cpus
from edgecnn.core.config.pipeline import MOST_NAME_CHARACTERS, Pipeline, PipelineSpec
from edgecnn.core.config.references import resolve
from edgecnn.core.config.yaml_source import YamlSource, override, validate
from edgecnn.core.documents.metric import BUDGETS
from edgecnn.core.errors import UsageError
from edgecnn.devices.host import host
from edgecnn.models.registry import find_source
from edgecnn.pipeline.named_things import with_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.core.config.target import Target
    from edgecnn.core.config.yaml_events import Location

T = TypeVar("T")


def load_pipeline(reference: str, overrides: tuple[str, ...] = ()) -> Pipeline:
    """Load a pipeline by name or path and apply dotted overrides such as ``train.epochs=1``.

    Raises:
        UsageError: A name, a key or a value is wrong; the message has file and line.
    """
    source = _targets_as_mapping(resolve(reference, "pipelines"))
    for assignment in overrides:
        source = _targets_as_mapping(override(source, assignment))
    return from_source(source)


def export_pipeline(
    model: str,
    target: str,
    *,
    calibration: str | None,
    data: str | None,
    weights: str | None,
    images: int | None,
    outputs: tuple[str, ...],
    family: str | None,
    network: str | None,
    overrides: tuple[str, ...],
    signature: str | None = None,
) -> Pipeline:
    """Return the pipeline of an export: one target, without training.

    The arguments are those of :func:`edgecnn.export`.

    Raises:
        UsageError: The model, the target or an override is wrong.
    """
    source = find_source(model)
    pretrained = weights is None and source.publishes_weights
    given_model: dict[str, object] = {"name": model, "pretrained": pretrained, "weights": weights}
    arguments = {"outputs": list(outputs), "signature": signature, "family": family}
    if any(arguments.values()):
        given_model["arguments"] = {name: value for name, value in arguments.items() if value}
    if network is not None:
        given_model["network"] = network
    document = {
        "name": run_name(model),
        "model": given_model,
        "data": {"eval": data, "calibration": {"source": calibration, "count": images or 512}},
        "targets": {target: {}},
    }
    given = YamlSource(document, {}, "command line")
    for assignment in overrides:
        given = override(given, assignment)
    return from_source(given)


def run_name(model: str) -> str:
    """Return a plain name for the exports of a model.

    >>> run_name("zoo:efficientnet-lite0")
    'efficientnet-lite0'
    >>> run_name("python:my.nets:small")
    'my.nets-small'
    >>> run_name("models/yolox_nano.onnx")
    'yolox_nano'
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", find_source(model).run_name(model)).strip(".-") or "model"
    return name[:MOST_NAME_CHARACTERS]


def from_source(source: YamlSource) -> Pipeline:
    """Check a pipeline's content and resolve its targets.

    Raises:
        UsageError: It names every mistake of the pipeline, of its targets, and of the networks and datasets
            that it names, with file and line.
    """
    errors: list[UsageError] = []
    spec = _checked(errors, lambda: validate(source, PipelineSpec))
    names = source.data.get("targets")
    loaded = {
        name: _checked(errors, functools.partial(_load, source, name))
        for name in (names if isinstance(names, dict) else {})
    }
    # The planner refuses unknown keys of a pipeline without other mistakes, because it knows every metric.
    errors += wrong_budgets(source, loaded, BUDGETS, owner="this pipeline", unknown=bool(errors))
    places = latency_places(source) + [
        ("targets", name, "budgets", "latency", cpu)
        for name, target in loaded.items()
        for cpu in (target and target.budgets.latency) or ()
    ]
    errors += misnamed_cpus(source, places, host().cpu) if places else []
    if errors or spec is None:
        raise with_names(errors, source)
    targets = {name: _with_budgets(target, spec) for name, target in loaded.items() if target is not None}
    return Pipeline(spec, targets, source)


def _checked(errors: list[UsageError], make: Callable[[], T]) -> T | None:
    """Return what is made; None after an error, which is kept."""
    try:
        return make()
    except UsageError as error:
        errors.append(error)
        return None


def _load(source: YamlSource, name: str) -> Target:
    prefix: Location = ("targets", name)
    changes = source.data["targets"][name] or {}
    if not isinstance(changes, dict):
        return load_target(name)  # the pipeline's schema refuses what is no mapping
    where = {
        location[2:]: line
        for location, line in source.where.items()
        if location[:2] == prefix and location[2:]
    }
    try:
        return load_target(name, YamlSource(changes, where, source.locate(prefix)))
    except UsageError as error:
        if error.message.startswith("unknown target"):
            raise UsageError(f"{source.locate(prefix)}: {error.message}", hint=error.hint) from error
        raise


def _with_budgets(target: Target, spec: PipelineSpec) -> Target:
    budgets = target.budgets
    for name in (EVERY_TARGET, target.name):
        if name in spec.budgets:
            budgets = spec.budgets[name].over(budgets)
    return target.model_copy(update={"budgets": budgets})


def _targets_as_mapping(source: YamlSource) -> YamlSource:
    """Convert ``targets: [a, b]`` to ``targets: {a: , b: }``, with line numbers."""
    names = source.data.get("targets")
    if not isinstance(names, list):
        return source
    where = dict(source.where)
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise UsageError(f"{source.locate(('targets', index))}: a target must be a name")
        where["targets", name] = source.locate(("targets", index))
    return YamlSource({**source.data, "targets": dict.fromkeys(names)}, where, source.name)
