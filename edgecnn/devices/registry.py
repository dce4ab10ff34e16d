"""Devices by their names in ``--device``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError
from edgecnn.core.toolchains.emulation import emulated_device
from edgecnn.devices.adb import AdbShell
from edgecnn.devices.local import LocalDevice
from edgecnn.devices.qemu import EmulatedDevice
from edgecnn.devices.remote import RemoteDevice
from edgecnn.devices.ssh import SshShell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.devices.base import Device

LOCAL = "local"
FORMS = "local, qemu:raspberry-pi-4, qemu:raspberry-pi-5, ssh://USER@HOST, adb:SERIAL"


@contextlib.contextmanager
def open_device(name: str) -> Iterator[Device]:
    """Open a device by its name, and remove all files from it afterwards.

    Args:
        name: ``local``, ``qemu:NAME``, ``ssh://USER@HOST:PORT`` or ``adb:SERIAL``.

    Raises:
        UsageError: The name has another form, or there is no such emulated device.
        MissingDependency: The emulation, ssh or adb is not installed.
        WorkerError: The device cannot be reached.
    """
    kind, _, rest = name.partition(":")
    if name == LOCAL:
        yield LocalDevice()
    elif kind == "qemu":
        emulated_device(rest)
        yield EmulatedDevice(rest)
    elif kind in ("ssh", "adb"):
        shell = SshShell.parse(name) if kind == "ssh" else AdbShell.parse(name)
        with RemoteDevice(shell) as device:
            yield device
    else:
        raise UsageError(f"no device is called {name!r}", hint=f"devices: {FORMS}")


@contextlib.contextmanager
def timed_device(name: str) -> Iterator[Device]:
    """Open a device on which latencies can be measured.

    Raises:
        UsageError: The device is emulated, or there is no such device.
        WorkerError: It cannot be reached.
    """
    if name.startswith("qemu:"):
        raise UsageError(
            f"{name} is emulated, so its latency is not that of a real device",
            hint=f"count its instructions: edgecnn count ARTIFACT --device {name.removeprefix('qemu:')}",
        )
    with open_device(name) as device:
        yield device
