"""The interface of a device: it opens models in workers and describes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Unpack

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.host import Host
    from edgecnn.devices.session import OpenOptions, Session


class Device(Protocol):
    """A machine that runs workers: this machine, an emulated one, or one behind ssh or adb."""

    def open(
        self,
        runtime: str,
        model: Path,
        *,
        log: Path,
        **options: Unpack[OpenOptions],
    ) -> Session:
        """Open a model in a worker of its own; see :meth:`edgecnn.devices.local.LocalDevice.open`."""

    def host(self) -> Host:
        """Return the device's fingerprint."""

    def cpus(self) -> list[int]:
        """Return the CPUs that workers may run on, in order."""
