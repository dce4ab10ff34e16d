"""Cache keys: digests of everything that a step's outputs depend on."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from edgecnn.backends.registry import formats
from edgecnn.core.errors import MissingDependency
from edgecnn.core.json_file import read_json
from edgecnn.core.process import compute_threads
from edgecnn.core.store.digest import digest_json
from edgecnn.core.task import TaskDescription, with_task
from edgecnn.core.toolchains.environment import require
from edgecnn.pipeline.stages.base import Stage, parameters_json
from edgecnn.tasks.registry import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable
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


def extras() -> dict[str, str]:
    """Return the extra of edgecnn that installs a package, by the package's name."""
    found = dict(_OTHER_EXTRAS)
    for record in formats().values():
        if record.extra:
            stages = (record.lower, record.quantize, record.inspect)
            names = (name for stage in stages for name in stage.distributions)
            found |= {name: record.extra for name in names if name not in _OTHER_EXTRAS}
    return found


def step_key(step: AnyStep, results: dict[str, StepResult]) -> str:
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
    return digest_json(
        {
            **threads,
            "stage": step.stage.name,
            "version": step.stage.version,
            "parameters": parameters_json(step.parameters),
            "inputs": inputs,
            "packages": package_versions(step.stage) | task_versions(folders),
        }
    )


def task_versions(folders: Iterable[Path]) -> dict[str, str]:
    """Return the package of the task of a step's inputs, with its version; empty for a built-in task.

    Args:
        folders: The inputs; a checkpoint names the task in its spec, the contract in a separate file.

    Raises:
        UsageError: The task is not installed.
    """
    versions = {}
    for folder in folders:
        for name in ("spec.json", "task.json"):
            if (folder / name).is_file():
                found = read_json(folder / name)
                task = found if name == "task.json" else with_task(found)["task"]
                origin = origin_of(TaskDescription.model_validate(task).kind)
                if origin.distribution:
                    versions[origin.distribution] = origin.version
    return versions


def package_versions(stage: Stage[Any]) -> dict[str, str]:
    """Return the installed versions of a stage's packages and vendor tools, without importing them."""
    versions = {}
    for name in stage.packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            extra = extras().get(name, "all")
            raise MissingDependency(
                f"stage {stage.name!r} needs the package {name!r}, which is not installed",
                hint=f"pip install 'edgecnn[{extra}]'",
            ) from None
    for name in stage.toolchains:
        toolchain = require(name).toolchain
        versions[toolchain.package] = toolchain.version
    return versions
