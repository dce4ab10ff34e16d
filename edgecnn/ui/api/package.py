"""Package a run for the devices that it ships to, and verify such packages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.config.paths import home
from edgecnn.core.errors import UsageError
from edgecnn.core.store.digest import digest_file
from edgecnn.packaging.build import build
from edgecnn.packaging.naming import java_package, module_name, package_version, source_date_epoch
from edgecnn.packaging.payload import Order
from edgecnn.packaging.provenance import Licences
from edgecnn.packaging.select_artifact import choose_artifact
from edgecnn.packaging.sign import sign, signature_of, verify_signature
from edgecnn.packaging.verify import open_package, run_self_test

OUT = Path("packages")
_LICENCE = re.compile(r"[A-Za-z0-9.+() -]{1,200}")


@dataclass(frozen=True)
class PackageResult:
    """What was packaged.

    Attributes:
        name: Name of the package.
        version: Its version.
        platform: What it is for.
        target: The target whose artifact is in it.
        files: Its files, the package itself first; then signatures.
        self_test: What its own self-test said on this machine.
    """

    name: str
    version: str
    platform: str
    target: str
    files: tuple[Path, ...]
    self_test: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {
            "name": self.name,
            "version": self.version,
            "platform": self.platform,
            "target": self.target,
            "files": [
                {"path": str(path), "bytes": path.stat().st_size, "sha256": digest_file(path)}
                for path in self.files
                if path.is_file()
            ],
            "folders": [str(path) for path in self.files if path.is_dir()],
            "self_test": self.self_test,
        }


@dataclass(frozen=True)
class VerifyResult:
    """What was verified of a package.

    Attributes:
        path: The package.
        name: Its name.
        version: Its version.
        platform: What it is for.
        members: Files in it, each with the right digest.
        signed: True if its signature holds; None if no key was given.
        self_test: What its self-test said; None if it was not run.
    """

    path: Path
    name: str
    version: str
    platform: str
    members: int
    signed: bool | None
    self_test: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {**vars(self), "path": str(self.path)}


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
    """Package an artifact of a run so that it proves itself where it is installed.

    Args:
        run: A run, or one artifact.
        platform: ``raspberry-pi`` or ``android``.
        target: Which of the run's targets; int8 before float when not given.
        out: Folder for the packages; ``packages`` when not given.
        name: Name of the package; the pipeline's when not given.
        version: Its version.
        licence: Licence of the model, an SPDX expression.
        data_licence: Licence of the training data, an SPDX expression.
        java: Java package of an Android library; ``dev.edgecnn.NAME`` when not given.
        key: Private key that signs it.

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
        licences=Licences.of(artifact, _licence(licence), _licence(data_licence)),
        epoch=source_date_epoch(),
        java_package=java_package(java or f"dev.edgecnn.{module}"),
    )
    log = home() / "logs" / f"package-{module}.log"
    built = build(order, platform, out or OUT, log)
    files = [*built.files, *([] if key is None else _signed(built.files, key, log))]
    return PackageResult(
        module, version, platform, artifact.manifest.target.name, tuple(files), built.self_test
    )


def verify(path: Path | str, *, key: Path | None = None, self_test: bool = True) -> VerifyResult:
    """Verify a package: signature where a key is given, digest of every file, self-test.

    Args:
        path: A ``.whl``, ``.tar.gz`` or ``.aar`` that :func:`package` wrote.
        key: Public key of whoever signed it.
        self_test: Whether the model is executed; its own code is, for Python packages.

    Raises:
        InputError: It is no package, or has no signature.
        VerificationFailed: Signature, a file (named) or self-test are not what they should be.
        MissingDependency: The toolchain model-signing is not installed.
    """
    file = Path(path)
    log = home() / "logs" / "verify.log"
    if key is not None:
        verify_signature(file, key, log)
    found = open_package(file)
    tested = run_self_test(found, log) if self_test else None
    return VerifyResult(
        path=file,
        name=str(found.manifest["name"]),
        version=str(found.manifest["version"]),
        platform=str(found.manifest["platform"]),
        members=len(found.members),
        signed=None if key is None else True,
        self_test=tested,
    )


def _signed(files: tuple[Path, ...], key: Path, log: Path) -> list[Path]:
    for path in files:
        signature_of(path).unlink(missing_ok=True)
    return [sign(path, key, log) for path in files if path.is_file()]


def _licence(text: str | None) -> str | None:
    if text is not None and not _LICENCE.fullmatch(text):
        raise UsageError(f"{text!r} is no licence", hint="an SPDX expression, such as CC-BY-4.0")
    return text
