"""Packaging of a run for its devices, and verification of packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.config.paths import home
from edgecnn.packaging.build import build
from edgecnn.packaging.naming import (
    java_package,
    licence_expression,
    module_name,
    package_version,
    source_date_epoch,
)
from edgecnn.packaging.payload import Order
from edgecnn.packaging.provenance import Licences
from edgecnn.packaging.select_artifact import choose_artifact
from edgecnn.packaging.verify import verify_package

if TYPE_CHECKING:
    from edgecnn.core.documents.package import PackageResult, VerifyResult

OUT = Path("packages")


def package(
    run: Path | str,
    platform: str,
    *,
    target: str | None = None,
    out: Path | None = None,
    name: str | None = None,
    version: str = "1.0.0",
    licence: str | None = None,
    data_licence: str | None = None,
    java: str | None = None,
    key: Path | None = None,
) -> PackageResult:
    """Package an artifact of a run together with a self-test for the device.

    Args:
        run: A run, or one artifact.
        platform: ``raspberry-pi`` or ``android``.
        target: One of the run's targets; by default int8 before float.
        out: Folder for the packages; by default ``packages``.
        name: Name of the package; by default the pipeline's.
        version: Its version.
        licence: Licence of the model, an SPDX expression.
        data_licence: Licence of the training data, an SPDX expression.
        java: Java package of an Android library; by default ``dev.edgecnn.NAME``.
        key: Private key for signatures.

    Raises:
        UsageError: A name, version or licence cannot be used.
        InputError: The run has no target that the platform can execute, or labels do not fit the outputs.
        MissingDependency: A tool that builds for the platform is not installed.
        VerificationFailed: The package does not compute what its model does.
    """
    artifact = choose_artifact(Path(run), platform, target)
    module = module_name(name if name is not None else artifact.manifest.name)
    order = Order(
        name=module,
        version=package_version(version),
        artifact=artifact,
        licences=Licences.of(artifact, licence_expression(licence), licence_expression(data_licence)),
        epoch=source_date_epoch(),
        java_package=java_package(java or f"dev.edgecnn.{module}"),
    )
    return build(order, platform, out or OUT, home() / "logs" / f"package-{module}.log", key=key)


def verify(path: Path | str, *, key: Path | None = None, self_test: bool | None = None) -> VerifyResult:
    """Verify a package: signature if a key is given, digest of every file, self-test.

    Args:
        path: A ``.whl``, ``.tar.gz`` or ``.aar`` that :func:`package` wrote.
        key: Public key of the signer.
        self_test: True executes the package's own self-test, False nothing at all. By default its own is
            executed if the signature is valid; otherwise edgecnn's code runs the model on the golden vectors.

    Raises:
        InputError: The file is not a package, or has no signature.
        UsageError: The package's task is not installed here, so that edgecnn has no code for it.
        VerificationFailed: The signature, a file (named in the message) or the self-test is wrong.
        MissingDependency: The toolchain model-signing is not installed.
    """
    return verify_package(Path(path), home() / "logs" / "verify.log", key=key, self_test=self_test)
