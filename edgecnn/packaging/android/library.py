"""An Android library (AAR) of one model, in the layout of a Maven repository."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from edgecnn.ondevice.bundle import LABELS, MANIFEST
from edgecnn.packaging.android.description import description
from edgecnn.packaging.android.java import compile_classes, java_sources
from edgecnn.packaging.archive import write_zip
from edgecnn.packaging.executed import library_files
from edgecnn.packaging.payload import LICENCE, SBOM, named, payload, seal
from edgecnn.packaging.sbom import sbom
from edgecnn.packaging.templating import render

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.packaging.payload import Order

PLATFORM = "android"
LITERT = "2.1.0"
"""First version of LiteRT with Interpreter and CompiledModel in one library."""


def write_library(order: Order, folder: Path, log: Path) -> tuple[Path, ...]:
    """Build the library of a model.

    Args:
        order: The package's order.
        folder: Output folder.
        log: File for the output of runtimes and tools.

    Returns:
        The AAR, and the folder of the Maven repository that also contains it.

    Raises:
        MissingDependency: There is no javac.
    """
    aar = folder / f"{order.name}-{order.version}.aar"
    model = f"assets/{order.name}/{order.model}"
    write_zip(_members(order, log), aar, epoch=order.epoch, aligned=frozenset({model}))
    return aar, _write_repository(order, aar, folder / f"{order.name}-{order.version}-maven")


def coordinates(order: Order) -> tuple[str, str]:
    """Return Maven's group and artifact of a library.

    The group is its Java package without the last part.
    """
    return order.java_package.rpartition(".")[0], order.java_package.rpartition(".")[2]


def _members(order: Order, log: Path) -> dict[str, bytes]:
    """Return the members of the AAR."""
    from edgecnn.packaging.android.metadata import with_metadata

    files = payload(order, log)
    files |= description(order, files)
    files[order.model] = with_metadata(
        order.artifact.model,
        name=order.name,
        version=order.version,
        licence=order.licences.model,
        contract=order.artifact.contract,
        labels=files[LABELS],
        labels_file=LABELS,
    )
    files[SBOM] = _sbom(order, files[order.model])
    outer = {
        **library_files(order.java_package),
        "classes.jar": compile_classes(order, log),
        LICENCE: files[LICENCE],
    }
    assets = f"assets/{order.name}"
    return {
        **outer,
        **named(assets, files),
        f"{assets}/{MANIFEST}": seal(order, PLATFORM, files, outer),
    }


def _write_repository(order: Order, aar: Path, root: Path) -> Path:
    """Write the library in Gradle's layout, with its POM, its sources and Maven's digests."""
    group, artifact = coordinates(order)
    folder = root / group.replace(".", "/") / artifact / order.version
    folder.mkdir(parents=True)
    stem = f"{artifact}-{order.version}"
    (folder / f"{stem}.aar").write_bytes(aar.read_bytes())
    (folder / f"{stem}.pom").write_text(
        render("library.pom", order=order, group=group, artifact=artifact, litert=LITERT), encoding="utf-8"
    )
    write_zip(java_sources(order.java_package, order.name), folder / f"{stem}-sources.jar", epoch=order.epoch)
    moment = time.strftime("%Y%m%d%H%M%S", time.gmtime(order.epoch))
    (folder.parent / "maven-metadata.xml").write_text(
        render("maven-metadata.xml", order=order, group=group, artifact=artifact, moment=moment),
        encoding="utf-8",
    )
    for path in sorted(folder.parent.rglob("*.*")):
        if path.is_file():
            for kind in ("sha1", "sha256"):
                digest = hashlib.new(kind, path.read_bytes(), usedforsecurity=False).hexdigest()
                path.with_name(f"{path.name}.{kind}").write_text(digest, encoding="ascii")
    readme = render("README-android.md", order=order, group=group, artifact=artifact, litert=LITERT)
    (root / "README.md").write_text(readme, encoding="utf-8")
    return root


def _sbom(order: Order, model: bytes) -> bytes:
    group, artifact = coordinates(order)
    litert = f"pkg:maven/com.google.ai.edge.litert/litert@{LITERT}"
    return sbom(
        order,
        purl=f"pkg:maven/{group}/{artifact}@{order.version}",
        model=model,
        dependencies=[("litert", litert)],
    )
