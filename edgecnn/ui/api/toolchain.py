"""Toolchains: list, install, check and remove the environments of vendor tools."""

from __future__ import annotations

from edgecnn.core.config.toolchain import toolchain_names
from edgecnn.core.documents.listing import ToolchainRow
from edgecnn.core.toolchains import install as installer
from edgecnn.core.toolchains.environment import Environment


def list_toolchains() -> tuple[ToolchainRow, ...]:
    """Return every toolchain, installed or not; versions are read from the environments."""
    return tuple(check_toolchain(name) for name in toolchain_names())


def check_toolchain(name: str) -> ToolchainRow:
    """Compare a toolchain's environment with the pinned packages.

    Raises:
        UsageError: There is no toolchain of that name.
    """
    environment = Environment.of(name)
    differences = tuple(environment.differences()) if environment.installed else ()
    state = "other version" if differences else "installed" if environment.installed else "missing"
    toolchain = environment.toolchain
    return ToolchainRow(
        name=name,
        package=toolchain.package,
        version=toolchain.version,
        state=state,
        differences=differences,
        licence=toolchain.licence,
        path=str(environment.directory),
        description=toolchain.description,
    )


def install_toolchain(name: str) -> ToolchainRow:
    """Install a toolchain's environment, with downloads.

    Raises:
        UsageError: There is no toolchain of that name.
        InputError: The folder cannot be written.
        MissingDependency: A package could not be installed.
    """
    installer.install(name)
    return check_toolchain(name)


def remove_toolchain(name: str) -> bool:
    """Remove a toolchain's environment; return whether there was one.

    Raises:
        UsageError: There is no toolchain of that name.
    """
    return installer.remove(name)
