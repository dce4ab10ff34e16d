"""Count of the instructions of one inference, which is deterministic where times are noisy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.documents.listing import CountResult
from edgecnn.core.kept_log import temporary_folder
from edgecnn.core.store.manifest import Artifact
from edgecnn.devices.callgrind import DEVICE, count_x86
from edgecnn.devices.qemu import EmulatedDevice

if TYPE_CHECKING:
    from collections.abc import Sequence

DEVICES = ("raspberry-pi-4", "raspberry-pi-5")


def count(artifact: Path | str, devices: Sequence[str] = DEVICES) -> CountResult:
    """Count the instructions of one inference of an artifact, with one thread.

    Args:
        artifact: Directory of the artifact.
        devices: ``raspberry-pi-4`` and ``raspberry-pi-5`` (emulated), ``x86`` (by Valgrind, slow).

    Raises:
        InputError: The artifact cannot be used.
        UsageError: There is no such device.
        MissingDependency: The emulation or Valgrind is not installed.
        WorkerError: The runtime crashed or timed out.
    """
    opened = Artifact.open(Path(artifact))
    runtime = opened.manifest.target.runtime
    with temporary_folder("count") as folder:
        log = folder / "worker.log"
        copy = opened.copy(folder / "artifact")
        counts = tuple(
            count_x86(runtime, copy.model, log=log)
            if device == DEVICE
            else EmulatedDevice(device).count(runtime, copy.model, log=log)
            for device in devices
        )
    return CountResult(artifact=str(opened.directory), target=opened.manifest.target.name, counts=counts)
