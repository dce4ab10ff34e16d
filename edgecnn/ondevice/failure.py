"""Errors of a package on the device: one line, and the exit code that edgecnn itself uses for such."""

from __future__ import annotations

from typing import ClassVar


class DeviceError(Exception):
    """Base of every error that the user of a package can act on; this one is a wrong input."""

    exit_code: ClassVar[int] = 2


class DamagedPackage(DeviceError):
    """A file of the package is missing, was changed, or does not do what it did when it was built."""

    exit_code = 4


class RuntimeUnavailable(DeviceError):
    """Nothing on this device can execute the model; the message says what to install."""

    exit_code = 5
