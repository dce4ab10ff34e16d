"""Installation and removal of toolchain environments; only the installation downloads."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from edgecnn.core.child import run
from edgecnn.core.config.paths import toolchains_dir
from edgecnn.core.errors import MissingDependency, not_written
from edgecnn.core.process import log_tail
from edgecnn.core.toolchains.emulation import build_emulation
from edgecnn.core.toolchains.environment import COMPLETE, Environment

if TYPE_CHECKING:
    from collections.abc import Sequence

INSTALL_TIMEOUT_S = 1800.0


def install(name: str) -> Environment:
    """Install a toolchain's environment, or replace one whose versions differ; a correct one is kept.

    The environment is created at its final path, because its scripts contain that path. A mark that is
    written last makes it valid, so an installation that is killed at any moment leaves nothing that would be
    used.

    Raises:
        UsageError: There is no toolchain of that name.
        MachineFault: The folder cannot be written.
        MissingDependency: A package could not be installed.
    """
    environment = Environment.of(name)
    with _lock(name):
        if environment.installed and not environment.differences():
            return environment
        shutil.rmtree(environment.directory, ignore_errors=True)
        log = toolchains_dir() / f"{name}.log"
        log.unlink(missing_ok=True)
        if environment.toolchain.emulation is not None:
            build_emulation(environment, lambda command: run_install(command, log, f"toolchain {name!r}"))
        else:
            for command in _commands(environment):
                run_install(command, log, f"toolchain {name!r}")
        differences = environment.differences()
        if differences:
            raise MissingDependency(f"toolchain {name!r}: {differences[0]}", hint=f"the log: {log}")
        (environment.directory / COMPLETE).touch()
    return environment


def remove(name: str) -> bool:
    """Remove a toolchain's environment; return whether there was one.

    Raises:
        UsageError: There is no toolchain of that name.
    """
    environment = Environment.of(name)
    with _lock(name):
        existed = environment.directory.is_dir()
        (environment.directory / COMPLETE).unlink(missing_ok=True)
        shutil.rmtree(environment.directory, ignore_errors=True)
    return existed


def _lock(name: str) -> filelock.BaseFileLock:
    folder = toolchains_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error, "choose another folder with EDGECNN_HOME") from error
    return filelock.FileLock(folder / f"{name}.lock")


def _commands(environment: Environment) -> list[list[str]]:
    """Return the commands that create an environment, with uv if it is beside python, else with pip."""
    python, directory = str(environment.python), str(environment.directory)
    # Without dependencies: the file pins every package, and no other is wanted.
    packages = [f"{name}=={version}" for name, version in environment.toolchain.requirements.items()]
    uv = Path(sys.executable).with_name("uv")
    if uv.is_file():
        return [
            [str(uv), "venv", "--quiet", "--no-project", "--python", sys.executable, directory],
            [str(uv), "pip", "install", "--quiet", "--no-deps", "--python", python, *packages],
        ]
    return [
        [sys.executable, "-m", "venv", directory],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", *packages],
    ]


def run_install(command: Sequence[str], log: Path, name: str) -> None:
    """Run one command of an installation.

    Args:
        command: Program and arguments.
        log: File to which its output is appended.
        name: Name of the installed thing, for messages.

    Raises:
        MissingDependency: It failed or timed out; the message has its last output.
    """
    with log.open("ab") as sink:
        try:
            code = run(command, stdout=sink, stderr=sink, timeout=INSTALL_TIMEOUT_S).returncode
        except subprocess.TimeoutExpired:
            code = None
    if code == 0:
        return
    lines = log_tail(log).strip().splitlines()
    reason = lines[-1].strip() if lines else "it printed nothing"
    if code is None:
        reason = f"no end after {INSTALL_TIMEOUT_S:g} s"
    raise MissingDependency(
        f"{name} could not be installed: {reason}",
        hint=f"the whole log: {log}",
    )
