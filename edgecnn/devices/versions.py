"""Other versions of runtimes in separate environments, which only an explicit command creates."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import filelock

from edgecnn.backends.registry import find_runtime, runtimes
from edgecnn.core.config.paths import home
from edgecnn.core.errors import MissingDependency, UsageError, not_written
from edgecnn.core.toolchains.environment import COMPLETE, normalized
from edgecnn.core.toolchains.install import run_install

_VERSION = re.compile(r"[0-9]+(\.[0-9]+){0,3}([a-z]+[0-9]+)?(\.(post|dev)[0-9]+)?")


@dataclass(frozen=True)
class RuntimeVersion:
    """One version of a runtime.

    Attributes:
        runtime: Name in the table of runtimes.
        version: Version of its package.
    """

    runtime: str
    version: str

    @property
    def directory(self) -> Path:
        """Return its environment's directory, whether it exists or not."""
        return home() / "runtimes" / f"{self.runtime}-{self.version}"

    @property
    def python(self) -> Path:
        """Return the environment's interpreter."""
        return self.directory / "bin" / "python"

    def __str__(self) -> str:
        return f"{self.runtime}=={self.version}"


def parse_versions(text: str) -> list[RuntimeVersion]:
    """Read ``onnxruntime==1.20.1,1.22.0``.

    Raises:
        UsageError: It has another form, or there are no versions of such a runtime.

    >>> [str(item) for item in parse_versions("litert==2.1.0,2.3.0")]
    ['litert==2.1.0', 'litert==2.3.0']
    """
    name, separator, versions = text.partition("==")
    found = [version.strip() for version in versions.split(",")]
    if not separator or not all(_VERSION.fullmatch(version) for version in found):
        raise UsageError(
            f"{text!r} names no versions of a runtime", hint="write it like onnxruntime==1.20.1,1.22.0"
        )
    versioned = [known for known, record in runtimes().items() if record.versioned]
    if name not in versioned:
        raise UsageError(f"{name!r} cannot be had in versions; there are {', '.join(versioned)}")
    return [RuntimeVersion(name, version) for version in dict.fromkeys(found)]


def require_version(wanted: RuntimeVersion) -> Path:
    """Return the interpreter of a runtime's environment.

    Raises:
        MissingDependency: It is not installed, or has another version; the hint names the option.
    """
    found = _installed(wanted)
    if found != wanted.version:
        state = "is not installed" if found is None else f"is {found} in its environment"
        raise MissingDependency(f"{wanted} {state}", hint="run the same command with --install")
    return wanted.python


def install_version(wanted: RuntimeVersion) -> None:
    """Create the environment of a runtime's version, unless it exists.

    Raises:
        MachineFault: The folder cannot be written.
        MissingDependency: The package could not be installed.
    """
    folder = wanted.directory.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error
    with filelock.FileLock(folder / f"{wanted.directory.name}.lock"):
        if _installed(wanted) == wanted.version:
            return
        shutil.rmtree(wanted.directory, ignore_errors=True)
        log = folder / f"{wanted.directory.name}.log"
        log.unlink(missing_ok=True)
        for command in _commands(wanted):
            run_install(command, log, str(wanted))
        (wanted.directory / COMPLETE).touch()
        require_version(wanted)


def _installed(wanted: RuntimeVersion) -> str | None:
    """Return the version in an environment, or None if its installation was not completed."""
    if not (wanted.directory / COMPLETE).is_file():
        return None
    folders = [str(path) for path in wanted.directory.glob("lib/python3*/site-packages")]
    name = normalized(find_runtime(wanted.runtime).distribution)
    for found in metadata.distributions(path=folders):
        if found.metadata["Name"] is not None and normalized(found.metadata["Name"]) == name:
            return found.version
    return None


def _commands(wanted: RuntimeVersion) -> list[list[str]]:
    python, directory = str(wanted.python), str(wanted.directory)
    record = find_runtime(wanted.runtime)
    packages = ["numpy", f"{record.distribution}=={wanted.version}", *record.beside]
    uv = Path(sys.executable).with_name("uv")
    if uv.is_file():
        return [
            [str(uv), "venv", "--quiet", "--no-project", "--python", sys.executable, directory],
            [str(uv), "pip", "install", "--quiet", "--only-binary", ":all:", "--python", python, *packages],
        ]
    return [
        [sys.executable, "-m", "venv", directory],
        [
            *(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--only-binary", ":all:", *packages),
        ],
    ]
