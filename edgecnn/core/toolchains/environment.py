"""Location of a toolchain's environment, and the check that it holds the pinned packages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from edgecnn.core.config.paths import toolchains_dir
from edgecnn.core.config.toolchain import Toolchain, load_toolchain
from edgecnn.core.errors import MissingDependency

if TYPE_CHECKING:
    from pathlib import Path

COMPLETE = ".complete"
"""A file that is written last; an environment without it is incomplete and not used."""


@dataclass(frozen=True)
class Environment:
    """The virtual environment of a toolchain, which may not be installed.

    Attributes:
        toolchain: The toolchain.
        directory: Its directory.
    """

    toolchain: Toolchain
    directory: Path

    @classmethod
    def of(cls, name: str) -> Environment:
        """Return the environment of a toolchain, which need not be installed.

        Raises:
            UsageError: There is no toolchain of that name.
        """
        return cls(load_toolchain(name), toolchains_dir() / name)

    @property
    def python(self) -> Path:
        """Return the path of the interpreter."""
        return self.directory / "bin" / "python"

    @property
    def installed(self) -> bool:
        """Return whether an installation of any versions was completed here."""
        usable = self.toolchain.emulation is not None or self.python.is_file()
        return usable and (self.directory / COMPLETE).is_file()

    def versions(self) -> dict[str, str]:
        """Return the packages in the environment, by normalized name."""
        pattern = "lib/python3*/site-packages" if self.toolchain.emulation is None else "*/site"
        folders = [str(path) for path in self.directory.glob(pattern)]
        return {
            normalized(found.metadata["Name"]): found.version
            for found in metadata.distributions(path=folders)
            if found.metadata["Name"] is not None
        }

    def differences(self) -> list[str]:
        """Return the differences from the toolchain's file, one line each; empty if there are none."""
        found = self.versions()
        lines = []
        for name, wanted in self.toolchain.every_requirement.items():
            have = found.get(normalized(name))
            if have != wanted:
                lines.append(f"{name} is {have or 'missing'}, not {wanted}")
        return lines


def require(name: str) -> Environment:
    """Return the environment of a toolchain that is installed with the pinned versions.

    Raises:
        UsageError: There is no toolchain of that name.
        MissingDependency: It is not installed, or holds other versions; the hint is the command to install
            it.
    """
    environment = Environment.of(name)
    hint = f"edgecnn toolchain install {name}"
    if not environment.installed:
        raise MissingDependency(f"toolchain {name!r} is not installed", hint=hint)
    differences = environment.differences()
    if differences:
        raise MissingDependency(f"toolchain {name!r} is of another version: {differences[0]}", hint=hint)
    return environment


def normalized(name: str) -> str:
    """Return a package's name as the index compares names (PEP 503).

    >>> normalized("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()
