"""The files of a package of the tiny int8 network, as they lie on the device."""

from __future__ import annotations

from pathlib import Path

from edgecnn.packaging.payload import Order, payload, seal
from edgecnn.packaging.provenance import Licences
from tests.support.tiny_run import write_artifact

_DATE = 10**9


def write_bundle(root: Path) -> Path:
    """Write an artifact and the files of its package below a folder; return the folder of the package."""
    artifact = write_artifact(root / "artifact", "tflite-int8")
    order = Order("tiny", "1.0.0", artifact, Licences.of(artifact, None, None), _DATE, "dev.edgecnn.tiny")
    files = payload(order, root / "log")
    folder = root / "tiny"
    for name, data in {**files, "manifest.json": seal(order, "raspberry-pi", files)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
