"""Look for the packages, the machine, the cache and the targets that edgecnn needs."""

from __future__ import annotations

import os
from importlib import metadata
from typing import TYPE_CHECKING

from edgecnn.backends import registry as backends
from edgecnn.backends.installed import InstalledRecord, installed_records
from edgecnn.backends.targets import load_target
from edgecnn.backends.worker.isa import ISAS
from edgecnn.core.config.paths import home
from edgecnn.core.config.target import target_names
from edgecnn.core.documents.listing import Finding
from edgecnn.core.errors import EdgecnnError
from edgecnn.devices.host import host
from edgecnn.pipeline.keys import extras
from edgecnn.pipeline.preflight import missing_for
from edgecnn.tasks import registry as tasks

if TYPE_CHECKING:
    from edgecnn.core.entry_points import Extension
    from edgecnn.core.errors import UsageError

MIN_FREE_BYTES = 2_000_000_000


def look_around() -> tuple[Finding, ...]:
    """Check packages, the backends and tasks that they provide, machine, cache and targets.

    Nothing heavy of edgecnn itself is imported.
    """
    packages = [_package(name, extra) for name, extra in extras().items()]
    broken = [_broken("backend", problem.error) for problem in backends.problems()]
    others = [_record(record) for record in installed_records()]
    others += [_task(extension, problem) for extension, problem in tasks.others()]
    return (*packages, *broken, *others, _machine(), _cache(), *(_target(name) for name in target_names()))


def _broken(what: str, error: EdgecnnError) -> Finding:
    return Finding(what=what, ok=False, found=error.message, remedy=error.hint or "")


def _record(record: InstalledRecord) -> Finding:
    """Return what is known of a format, runtime or compiler of another package."""
    problem = record.problem
    if problem is None:
        return Finding(what=record.what, ok=True, found=str(record.origin))
    update = f"update or remove it: pip uninstall {record.origin.distribution}"
    return Finding(what="backend", ok=False, found=problem.message, remedy=problem.hint or update)


def _task(extension: Extension, problem: UsageError | None) -> Finding:
    """Return what is known of a task of another package."""
    if problem is not None:
        return _broken("task", problem)
    return Finding(what=f"task {extension.name}", ok=True, found=str(extension.origin))


def _package(name: str, extra: str) -> Finding:
    try:
        return Finding(what=f"package {name}", ok=True, found=metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(
            what=f"package {name}", ok=False, found="missing", remedy=f"pip install 'edgecnn[{extra}]'"
        )


def _machine() -> Finding:
    machine = host()
    isa = ISAS.get(machine.isa)
    note = ", int8 kernels saturate unless weights keep to 7 bits" if isa and isa.int8_saturates else ""
    return Finding(
        what="machine", ok=True, found=f"{machine.cpu}, {machine.cores} cores, {machine.isa}{note}"
    )


def _cache() -> Finding:
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Finding(
            what="cache",
            ok=False,
            found=f"{folder}: {error.strerror}",
            remedy="set EDGECNN_HOME to another folder",
        )
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    writable = os.access(folder, os.W_OK)
    ok = writable and free >= MIN_FREE_BYTES
    found = f"{folder}, {free / 1e9:.0f} GB free" + ("" if writable else ", not writable")
    return Finding(
        what="cache", ok=ok, found=found, remedy="" if ok else "set EDGECNN_HOME to another folder"
    )


def _target(name: str) -> Finding:
    try:
        target = load_target(name)
    except EdgecnnError as error:
        return _broken(f"target {name}", error)
    missing = missing_for(target)
    if missing:
        return Finding(
            what=f"target {name}",
            ok=False,
            found="; ".join(dict.fromkeys(error.message for error in missing)),
            remedy="; ".join(dict.fromkeys(error.hint for error in missing if error.hint)),
        )
    declared = ISAS.get(target.isa)
    here = ISAS.get(host().isa)
    if declared is not None and here is not None and declared.int8_saturates != here.int8_saturates:
        return Finding(
            what=f"target {name}", ok=True, found=f"made for {target.isa}, this machine is {host().isa}"
        )
    return Finding(what=f"target {name}", ok=True, found=f"{target.runtime}, {target.precision}")
