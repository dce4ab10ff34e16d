"""Toolchains: vendor tools that live in virtual environments of their own, one pinned YAML file each."""

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
        raise ValueError(f"{value!r} is no exact version")
    return value


def _plain(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no name of a package")
    return value


Package = Annotated[str, AfterValidator(_plain)]
Version = Annotated[str, AfterValidator(_exact)]


class EmulatedMachine(Schema):
    """A computer that a toolchain emulates."""

    cpu: Package
    """Processor, as QEMU names it."""

    architecture: Literal["arm64", "armhf"] = "arm64"
    """Of its Debian: 64-bit or 32-bit Arm."""

    release: Package
    """Debian release whose root file system it has; Raspberry Pi OS is built on it."""

    python: Version
    """Python of that release."""

    part: str
    features: str
    """What its ``/proc/cpuinfo`` says of the processor; runtimes choose their kernels by it."""

    debian: list[Package] = Field(default_factory=list)
    """Further packages of the release, beside Python."""

    requirements: dict[Package, Version] | None = None
    """Its Python packages, in place of the toolchain's, where those do not exist for its architecture."""


class Emulation(Schema):
    """What a toolchain emulates, and with what."""

    programs: dict[Package, Package]
    """Programs that must be on this machine, and the Debian package of each."""

    devices: dict[Package, EmulatedMachine]


class Toolchain(Schema):
    """What is installed for a vendor tool, to the last package: nothing is resolved on the user's machine."""

    name: str = ""
    """The file's name, whatever the file says; filled in on loading."""

    description: str
    licence: str
    """Of the tool itself, for who decides whether to install it."""

    package: Package
    """The package that is the tool; its version is the toolchain's."""

    requirements: dict[Package, Version]
    """Every package of the environment with its exact version."""

    emulation: Emulation | None = None
    """The computers that it emulates, each with those packages or its own; None for a plain environment."""

    @model_validator(mode="after")
    def _holds_its_package(self) -> Toolchain:
        if self.package not in self.requirements:
            raise ValueError(f"package {self.package!r} is not among the requirements")
        return self

    @property
    def version(self) -> str:
        """The tool's version."""
        return self.requirements[self.package]

    @property
    def every_requirement(self) -> dict[str, str]:
        """Every package with its version, those of single devices included."""
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
