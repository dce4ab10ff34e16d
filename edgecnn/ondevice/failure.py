"""Errors of a package on the device: one line, with edgecnn's exit codes."""

from __future__ import annotations

from typing import ClassVar


class DeviceError(Exception):
    """Base of every error that the user of a package can act on; by itself it means a wrong input."""

    exit_code: ClassVar[int] = 2


class DamagedPackage(DeviceError):
    """A file of the package is missing, was changed, or gives other results than at build time."""

    exit_code = 4


class RuntimeUnavailable(DeviceError):
    """No runtime on this device can execute the model; the message says what to install."""

    exit_code = 5
