"""Directories of runs: where they keep artifacts, and how these are opened."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import filelock

from edgecnn.core.errors import InputError, MixedRun
from edgecnn.core.files import is_dir, is_file
from edgecnn.core.json_file import read_json
from edgecnn.core.store.digest import digest_fields
from edgecnn.core.store.manifest import NAME, Artifact
from edgecnn.ondevice.json_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgecnn.core.documents.run import RunSummary

T = TypeVar("T")

SUMMARY = "summary.json"
ARTIFACTS, REJECTED = "artifacts", "rejected"
_DIGEST = "summary_digest"
_PUBLICATION_S = 60.0
"""Most seconds for which a reader waits until another process has published its results."""


def summary_text(summary: RunSummary) -> str:
    """Return the text of a run's ``summary.json``, with its own digest."""
    text = summary.model_dump_json()
    plain = parse_json(text, most=len(text))
    plain[_DIGEST] = digest_fields(plain, _DIGEST)
    return json.dumps(plain, indent=1) + "\n"


def read_summary(file: Path) -> dict[str, Any]:
    """Read a run's ``summary.json`` as plain data, without its digest; older files have none.

    Raises:
        InputError: The file cannot be read, is no JSON document, or was changed since it was written.
    """
    document = read_json(file, what="a run's summary")
    if not isinstance(document, dict):
        raise InputError(f"{file} is not a run's summary: it is no JSON object")
    known = document.pop(_DIGEST, None)
    if known is not None and known != digest_fields(document, _DIGEST):
        raise InputError(
            f"{file} was changed since it was written: its digest is another",
            hint="run again, which writes it again",
        )
    return document


def target_errors(directory: Path) -> dict[str, str]:
    """Return every target that a run's summary lists, with the message of its error; empty where it has none.

    Raises:
        InputError: The directory holds no run, or its summary is damaged or empty.
    """
    summary = directory / SUMMARY
    if not is_file(summary):
        raise InputError(
            f"{directory} is neither a run nor an artifact",
            hint="give the directory of `edgecnn run`, or the one that `edgecnn export` printed",
        )
    try:
        document = read_summary(summary)
        found = {
            str(item["target"]): str((item["error"] or {}).get("message", "")) for item in document["targets"]
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{summary} is not a run's summary: {error}") from error
    if not found:
        raise InputError(f"{summary} lists no targets")
    return found


def target_artifact(directory: Path, target: str) -> Artifact | None:
    """Return a run's artifact of a target, shipping or rejected, or None if it was never made.

    Raises:
        InputError: It was changed since it was verified.
    """
    name = Path(target).name
    # A run that publishes meanwhile may move it from the second place to the first after that was looked at.
    for folder in (ARTIFACTS, REJECTED, ARTIFACTS):
        place = directory / folder / name
        if is_file(place / NAME):
            try:
                return require_place(Artifact.open(place))
            except InputError:
                if is_dir(place):
                    raise
    return None


def require_place(artifact: Artifact) -> Artifact:
    """Return an artifact of a run whose folder is called like the target in its manifest.

    Raises:
        InputError: The folder has another target's name: somebody put the artifact there.
    """
    found, place = Path(artifact.manifest.target.name).name, artifact.directory
    if found != place.name:
        raise InputError(
            f"{place} holds the artifact of target {found!r}",
            hint="run again, which writes every target into its own folder",
        )
    return artifact


def require_one_run(directory: Path, artifacts: dict[str, Artifact]) -> None:
    """Check that artifacts are those that the run's summary lists, in which older versions wrote no digests.

    Args:
        directory: The run.
        artifacts: Its artifacts by target.

    Raises:
        InputError: One is of another run, or the artifacts are not of one network.
    """
    listed = {} if not is_file(directory / SUMMARY) else _listed_digests(read_summary(directory / SUMMARY))
    for name, artifact in artifacts.items():
        manifest = artifact.manifest
        if listed.get(name) and listed[name] != manifest.manifest_digest:
            raise MixedRun(
                f"{artifact.directory} is not what the run in {directory} published: "
                f"its manifest is not the one that {SUMMARY} lists",
                hint="a run was stopped between two targets, or a file was put there: run again",
            )
    networks = {(artifact.manifest.name, tuple(artifact.manifest.classes)) for artifact in artifacts.values()}
    if len(networks) > 1:
        names = " and ".join(sorted({f"{name} ({len(classes)} classes)" for name, classes in networks}))
        raise MixedRun(f"{directory} holds artifacts of several networks: {names}", hint="run again")


def read_one_run(directory: Path, read: Callable[[], T]) -> T:
    """Read summary and artifacts of a run; once more after a publication that is going on.

    Args:
        directory: The run.
        read: Reads what is wanted and calls :func:`require_one_run`.

    Raises:
        MixedRun: They are not of one run, and no other process is publishing.
    """
    try:
        return read()
    except MixedRun:
        with contextlib.ExitStack() as lock:
            # Where the lock cannot be taken, nobody who may publish uses it; the second answer counts.
            with contextlib.suppress(OSError):
                lock.enter_context(lock_beside(directory, timeout_s=_PUBLICATION_S))
            return read()


def _listed_digests(summary: dict[str, Any]) -> dict[str, str]:
    """Return the digests of manifests that a summary lists, by target."""
    targets = summary.get("targets")
    items = [item for item in targets if isinstance(item, dict)] if isinstance(targets, list) else []
    return {str(item.get("target")): str(item.get("manifest_digest") or "") for item in items}


@contextlib.contextmanager
def lock_beside(directory: Path, *, timeout_s: float = -1.0) -> Iterator[None]:
    """Hold the lock of a directory of results; it lies beside the directory, which is replaced as a whole.

    Where nothing can be written beside it, the lock is inside.

    Args:
        directory: The directory.
        timeout_s: Most seconds to wait for it; negative without a limit.

    Raises:
        OSError: Neither place can be written, or the time is over.
    """
    whole = directory.resolve()
    file = whole.with_name(f".{whole.name}.lock")
    lock = filelock.FileLock(file if os.access(whole.parent, os.W_OK) else whole / ".lock", timeout_s)
    with lock:
        yield


def open_artifacts(path: Path | str) -> dict[str, Artifact]:
    """Return every artifact of a run by its target, or the one at ``path``.

    Raises:
        InputError: There is neither, a file was changed since it was verified, or the artifacts are not of
            one run.
    """
    directory = Path(path)
    if is_file(directory / NAME):
        artifact = Artifact.open(directory)
        return {artifact.manifest.target.name: artifact}
    found, _ = open_targets(directory)
    if not found:
        raise InputError(f"{directory} holds no artifact: every target failed before it was made")
    return found


def open_targets(directory: Path) -> tuple[dict[str, Artifact], dict[str, str]]:
    """Return a run's artifacts by target, and the reason for every target without one.

    Raises:
        InputError: There is no run, a file was changed since it was verified, or the artifacts are not of one
            run.
    """

    def read() -> tuple[dict[str, Artifact], dict[str, str]]:
        errors = target_errors(directory)
        found = {name: target_artifact(directory, name) for name in errors}
        made = {name: artifact for name, artifact in found.items() if artifact is not None}
        require_one_run(directory, made)
        return made, {name: errors[name] or "its artifact is missing" for name in errors if name not in made}

    return read_one_run(directory, read)
