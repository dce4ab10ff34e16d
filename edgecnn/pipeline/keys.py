"""Cache keys: digests of everything that a step's outputs depend on."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from edgecnn.backends.registry import formats
from edgecnn.core.computing import changing_variables, compute_threads
from edgecnn.core.errors import MissingDependency
from edgecnn.core.json_file import read_json
from edgecnn.core.store.digest import digest_json
from edgecnn.core.task import TaskDescription, with_task
from edgecnn.core.toolchains.environment import require
from edgecnn.models.registry import find_builder
from edgecnn.pipeline.stages.base import Stage, parameters_json
from edgecnn.tasks.registry import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from edgecnn.pipeline.step import AnyStep, StepResult

_OTHER_EXTRAS = {
    "torch": "torch",
    "torchvision": "torch",
    "torch-pruning": "torch",
    "faster-coco-eval": "torch",
    "timm": "torch",
    "optuna": "search",
}
"""Extras that install packages for stages that belong to no format."""

_ALWAYS_THERE = ("numpy", "pillow")
"""Packages that edgecnn itself needs, whatever its extras."""


def extras() -> dict[str, str]:
    """Return the extra of edgecnn that installs a package, by the package's name."""
    found, known = dict(_OTHER_EXTRAS), {*_OTHER_EXTRAS, *_ALWAYS_THERE}
    for record in formats().values():
        if record.extra:
            stages = (record.lower, record.quantize, record.inspect)
            names = (name for stage in stages for name in stage.distributions)
            found |= {name: record.extra for name in names if name not in known}
    return found


def step_key(step: AnyStep, results: Mapping[str, StepResult]) -> str:
    """Return the key of a step whose inputs are finished.

    Inputs are represented by the digest of their bytes, not by their keys: if a step is made again with the
    same result, later steps stay valid.

    Raises:
        MissingDependency: A package or a toolchain that the stage needs is not installed.
    """
    inputs, folders = {}, []
    for name, source in step.inputs.items():
        entry = results[source].entry
        if entry is None:
            raise KeyError(f"{step.id} reads {source}, which is not finished")
        inputs[name] = entry.digest
        folders.append(entry.outputs)
    threads = {"threads": compute_threads()} if step.stage.trains else {}
    changing = changing_variables()
    variables = {"variables": changing} if changing else {}
    return digest_json(
        {
            **threads,
            **variables,
            "stage": step.stage.name,
            "version": step.stage.version,
            "parameters": parameters_json(step.parameters),
            "inputs": inputs,
            "packages": package_versions(step.stage) | input_versions(folders),
        }
    )


def input_versions(folders: Iterable[Path]) -> dict[str, str]:
    """Return the packages whose code a step executes because of its inputs, with their versions.

    These are the package of the task, unless it is a built-in one, and those that the network consists of.

    Args:
        folders: The inputs; a checkpoint names builder and task in its spec, the contract the task in a file.

    Raises:
        UsageError: The task or the builder is not installed.
        MissingDependency: A package of the network is not installed.
    """
    versions = {}
    for folder in folders:
        for name in ("spec.json", "task.json"):
            if not (folder / name).is_file():
                continue
            found = read_json(folder / name)
            task = found if name == "task.json" else with_task(found)["task"]
            origin = origin_of(TaskDescription.model_validate(task).kind)
            if origin.distribution:
                versions[origin.distribution] = origin.version
            if name == "spec.json":
                builder = str(found["builder"])
                libraries = find_builder(builder).rebuilt_with(builder)
                versions |= _versions(libraries, f"the network {builder}")
    return versions


def package_versions(stage: Stage[Any]) -> dict[str, str]:
    """Return the installed versions of a stage's packages and vendor tools, without importing them.

    Raises:
        MissingDependency: One of them is not installed.
    """
    versions = _versions(stage.packages, f"stage {stage.name!r}")
    for name in stage.toolchains:
        toolchain = require(name).toolchain
        versions[toolchain.package] = toolchain.version
    return versions


def _versions(packages: Iterable[str], user: str) -> dict[str, str]:
    versions = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            extra = extras().get(name, "all")
            raise MissingDependency(
                f"{user} needs the package {name!r}, which is not installed",
                hint=f"pip install 'edgecnn[{extra}]'",
            ) from None
    return versions
