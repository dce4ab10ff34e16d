"""An Android library that proves itself, without the tools that make an app of it."""

from __future__ import annotations

import sys
from pathlib import Path

from edgecnn.core.documents.package import SelfTestReport
from edgecnn.core.store.manifest import Artifact
from edgecnn.packaging.android.library import write_library
from edgecnn.packaging.contents import open_package
from edgecnn.packaging.payload import Order
from edgecnn.packaging.provenance import Licences
from edgecnn.packaging.verify import run_self_test

_DATE = 1_700_000_000
"""Seconds since 1970: archives have no date before 1980."""


def build_library(folder: Path, out: Path) -> Path:
    """Build the library of the artifact in ``folder``; its Java code is compiled, so javac is needed."""
    artifact = Artifact.open(folder)
    licences = Licences.of(artifact, "Apache-2.0", None)
    order = Order("tiny", "1.0.0", artifact, licences, epoch=_DATE, java_package="dev.edgecnn.tiny")
    return write_library(order, out, out / "log")[0]


def prove_library(folder: Path, out: Path) -> SelfTestReport:
    """Build the library of the artifact in ``folder`` and return what its own self-test says."""
    aar = build_library(folder, out)
    unpacked = out / "unpacked"
    unpacked.mkdir()
    return run_self_test(open_package(aar, unpacked), out / "log")


if __name__ == "__main__":
    sys.stdout.write(prove_library(Path(sys.argv[1]), Path(sys.argv[2])).model_dump_json())
