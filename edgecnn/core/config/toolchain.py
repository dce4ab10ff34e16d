"""Toolchains: vendor tools in separate virtual environments, each pinned by one YAML file."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from edgecnn.core.config import paths
from edgecnn.core.config.base import Schema
from edgecnn.core.config.references import find
from edgecnn.core.config.yaml_source import YamlSource, read_yaml, validate

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.+!_-]*")


def _exact(value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise ValueError(f"{value!r} is not an exact version")
    return value


def _plain(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a package name")
    return value


Package = Annotated[str, AfterValidator(_plain)]
Version = Annotated[str, AfterValidator(_exact)]


class EmulatedMachine(Schema):
    """A computer that a toolchain emulates."""

    cpu: Package
    """Processor, by QEMU's name."""

    architecture: Literal["arm64", "armhf"] = "arm64"
    """Architecture of its Debian system: 64-bit or 32-bit Arm."""

    release: Package
    """Debian release of its root file system; Raspberry Pi OS is based on it."""

    python: Version
    """Python version of that release."""

    part: str
    """Number of the processor's design in its ``/proc/cpuinfo``, such as ``0xd0b``."""

    features: str
    """Features in its ``/proc/cpuinfo``, by which runtimes choose their kernels."""

    debian: list[Package] = Field(default_factory=list)
    """Further packages of the release, besides Python."""

    requirements: dict[Package, Version] | None = None
    """Its Python packages, if the toolchain's are not available for its architecture."""


class Emulation(Schema):
    """Emulated computers and the programs that emulate them."""

    programs: dict[Package, Package]
    """Programs that must be installed on this machine, with the Debian package of each."""

    devices: dict[Package, EmulatedMachine]
    """The emulated computers by name."""


class Toolchain(Schema):
    """Exact packages of a vendor tool; no versions are resolved on the user's machine."""

    name: str = ""
    """Name of the toolchain, set from the file's name on loading."""

    description: str
    """Purpose of the tool, in one sentence."""

    licence: str
    """Licence of the tool itself, for the user's decision to install it."""

    package: Package
    """The package of the tool; its version is the toolchain's."""

    requirements: dict[Package, Version]
    """Every package of the environment with its exact version."""

    emulation: Emulation | None = None
    """The emulated computers, with their packages if these differ; None for a plain environment."""

    @model_validator(mode="after")
    def _holds_its_package(self) -> Toolchain:
        if self.package not in self.requirements:
            raise ValueError(f"package {self.package!r} is not among the requirements")
        return self

    @property
    def version(self) -> str:
        """Return the tool's version."""
        return self.requirements[self.package]

    @property
    def every_requirement(self) -> dict[str, str]:
        """Return every package with its version, including those of single devices."""
        devices = self.emulation.devices.values() if self.emulation is not None else ()
        own = {name: version for device in devices for name, version in (device.requirements or {}).items()}
        return own | self.requirements


def load_toolchain(name: str) -> Toolchain:
    """Load a toolchain by name.

    Raises:
        UsageError: No such toolchain (the nearest name is in the hint), or the file is wrong.
    """
    path = find(name, "toolchains")
    source = read_yaml(path)
    return validate(YamlSource({**source.data, "name": path.stem}, source.where, source.name), Toolchain)


def toolchain_names() -> list[str]:
    """Return the names of every toolchain."""
    return sorted(paths.available("toolchains"))
