"""The choice of a run's artifact for a package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_format, find_runtime, runtimes
from edgecnn.core.errors import BudgetMissed, InputError, UsageError, VerificationFailed
from edgecnn.core.files import is_dir, is_file
from edgecnn.core.store.manifest import NAME, Artifact
from edgecnn.core.store.runs import ARTIFACTS, REJECTED, read_one_run, require_one_run, require_place
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.manifest import Manifest

PLATFORMS = ("raspberry-pi", "android")

_PRECISIONS = ("int8", "fp16", "fp32")
"""Precisions in the order in which packages prefer them."""


@dataclass(frozen=True)
class Fitness:
    """Suitability of an artifact for a platform.

    Attributes:
        problem: Reason why it is unsuitable, or empty.
        rank: Order of preference, lowest first: by precision, then by format.
    """

    problem: str
    rank: tuple[int, int] = (0, 0)


def choose_artifact(run: Path, platform: str, target: str | None = None) -> Artifact:
    """Return the artifact for a package, preferring int8 to float and TFLite to ONNX.

    Args:
        run: A run, or one artifact.
        platform: ``raspberry-pi`` or ``android``.
        target: Name of the target; chosen automatically if not given.

    Raises:
        UsageError: There is no such platform.
        InputError: The run has no such target, or it did not ship, or nothing in it fits the platform, or its
            outputs are not those of its task.
        VerificationFailed: A link of its verification chain is broken.
        BudgetMissed: It misses a budget.
    """
    if platform not in PLATFORMS:
        raise UsageError(f"there are no packages for {platform!r}, only for {', '.join(PLATFORMS)}")
    if is_file(run / NAME):
        return _checked(_only(Artifact.open(run), target), platform)
    if not is_dir(run):
        raise InputError(
            f"there is no run or artifact {run}", hint="give the directory that `edgecnn run` printed"
        )
    folder = run / ARTIFACTS
    if target is not None:
        return _named(run, platform, target)
    found = read_one_run(run, lambda: _one_run(run, sorted(folder.glob(f"*/{NAME}"))))
    fitting = [item for item in found if not fitness(item.manifest, platform).problem]
    if not fitting:
        _check_rejected(run, platform)
        have = ", ".join(item.manifest.target.name for item in found) or "none"
        lost = ", ".join(path.parent.name for path in sorted((run / REJECTED).glob(f"*/{NAME}")))
        raise InputError(
            f"{run} has no target that {platform} can execute; those that ship: {have}"
            + (f"; those that were rejected: {lost}" if lost else ""),
            hint=f"add {' or '.join(f'{name}-int8' for name in _formats(platform))} to the pipeline's "
            "targets and run it again",
        )
    return _checked(min(fitting, key=lambda item: fitness(item.manifest, platform).rank), platform)


def _only(artifact: Artifact, target: str | None) -> Artifact:
    """Return a lone artifact, which must be the wanted one."""
    own = artifact.manifest.target.name
    if target not in (None, own):
        raise InputError(
            f"{artifact.directory} is the artifact of target {own}, not of {target!r}",
            hint="leave --target out, or give the run's directory",
        )
    return artifact


def _check_rejected(run: Path, platform: str) -> None:
    """Say why the first target that would fit a platform was rejected, if there is one."""
    for path in sorted((run / REJECTED).glob(f"*/{NAME}")):
        artifact = Artifact.open(path.parent)
        if not fitness(artifact.manifest, platform).problem:
            _check_proof(artifact)


def _one_run(run: Path, manifests: list[Path]) -> list[Artifact]:
    """Return the artifacts with these manifests, all of which are what the run published."""
    found = [require_place(Artifact.open(path.parent)) for path in manifests]
    require_one_run(run, {item.manifest.target.name: item for item in found})
    return found


def _named(run: Path, platform: str, target: str) -> Artifact:
    name = target.rpartition("/")[2]
    if name in {"", ".", ".."}:
        raise UsageError(f"no target is called {target!r}")
    if is_file(run / ARTIFACTS / name / NAME):
        (chosen,) = read_one_run(run, lambda: _one_run(run, [run / ARTIFACTS / name / NAME]))
        return _checked(chosen, platform)
    if is_file(run / REJECTED / name / NAME):
        _check_proof(Artifact.open(run / REJECTED / name))
        raise InputError(
            f"target {target!r} of {run} was rejected: a budget was missed or link 4 is broken",
            hint=f"what was measured: {run / 'summary.md'}",
        )
    there = ", ".join(sorted(path.parent.name for path in (run / ARTIFACTS).glob(f"*/{NAME}"))) or "none"
    raise InputError(f"{run} has no target {target!r} that ships; there are: {there}")


def fitness(manifest: Manifest, platform: str) -> Fitness:
    """Return the suitability and the rank of an artifact for a platform."""
    target = manifest.target
    if target.compile is not None:
        return Fitness(f"it is compiled for {target.name}")
    preference = find_format(target.format).package_rank
    if platform not in find_runtime(target.runtime).ships or preference is None:
        return Fitness(f"{platform} does not execute {target.format} with {target.runtime}")
    return Fitness("", (_PRECISIONS.index(target.precision), preference))


def _formats(platform: str) -> list[str]:
    """Return the formats that a platform's packages can hold, the preferred first."""
    held = {record.format for record in runtimes().values() if platform in record.ships}
    ranked = [(find_format(name).package_rank, name) for name in held]
    return [name for _, name in sorted(ranked)]


def _check_proof(artifact: Artifact) -> None:
    """Refuse a model that was not proven.

    Raises:
        VerificationFailed: A link of the verification chain is broken.
        BudgetMissed: A budget is missed.
    """
    manifest = artifact.manifest
    broken = [link for link in manifest.verification if not link.passed]
    if broken:
        raise VerificationFailed(
            f"{artifact.directory} cannot be packaged: {broken[0].message()}",
            hint=f"`edgecnn diagnose {artifact.directory}` finds the layers that differ",
        )
    if manifest.missing_links:
        raise VerificationFailed(
            f"{artifact.directory} cannot be packaged: link {manifest.missing_links[0]} was not proven",
            hint="export it again",
        )
    missed = [str(budget) for budget in manifest.budgets if not budget.passed]
    if missed:
        raise BudgetMissed(
            f"{artifact.directory} cannot be packaged: it misses its budget: {'; '.join(missed)}",
            hint="package a target that meets its budgets, or change the budget and run again",
        )


def _checked(artifact: Artifact, platform: str) -> Artifact:
    manifest = artifact.manifest
    _check_proof(artifact)
    problem = fitness(manifest, platform).problem
    if problem:
        raise InputError(f"{artifact.directory} cannot be packaged for {platform}: {problem}")
    if len(manifest.files) != 1:
        raise InputError(f"{artifact.directory} cannot be packaged: its model is {len(manifest.files)} files")
    if not manifest.classes or any("\n" in label or "\r" in label for label in manifest.classes):
        raise InputError(
            f"{artifact.directory} has no labels, or one with a line break in it",
            hint="a package names what it sees: give the classes with the data, or a network that classifies",
        )
    shapes = [list(output.shape) for output in manifest.inspection.outputs]
    channels_last = find_format(manifest.target.format).layout == "NHWC"
    scores = task_of(manifest.task).scored_classes(shapes, channels_last=channels_last)
    if scores == 0:
        raise InputError(
            f"{artifact.directory} cannot be packaged: its outputs {', '.join(map(str, shapes))} are not "
            f"those of {manifest.task.kind}, and a package would have no answer for them",
            hint="packages answer with classes or boxes; others need a task of their own: docs/tasks.md",
        )
    if scores not in (-1, len(manifest.classes)):
        raise InputError(
            f"{artifact.directory} has {len(manifest.classes)} labels for {scores} outputs",
            hint="the classes of the network's checkpoint must be those that it was trained on",
        )
    return artifact
