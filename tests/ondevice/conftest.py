"""A package's files, as they lie on the device."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.packaging.payload import Order, payload, seal
from edgecnn.packaging.provenance import Licences
from tests.support.tiny_run import write_artifact


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a package of the tiny int8 network."""
    root = tmp_path_factory.mktemp("bundle")
    artifact = write_artifact(root / "artifact", "tflite-int8")
    order = Order("tiny", "1.0.0", artifact, Licences.of(artifact, None, None), 10**9, "dev.edgecnn.tiny")
    files = payload(order, root / "log")
    folder = root / "tiny"
    for name, data in {**files, "manifest.json": seal(order, "raspberry-pi", files)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
