"""Verification of an untrusted package: its signature, every digest, then its self-test.

The order matters: no code of a package is executed before its files match its manifest, and before the
signature is valid if a key is given.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.documents.package import SelfTestReport, VerifyResult
from edgecnn.core.errors import InputError, VerificationFailed, WorkerError
from edgecnn.core.process import describe_death, quiet_environment
from edgecnn.ondevice.bundle import MANIFEST, MAX_JSON_BYTES, PackageManifest
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.ondevice.tasks.table import MODULES
from edgecnn.packaging.archive import read_archive
from edgecnn.packaging.sign import verify_signature
from edgecnn.packaging.vendored_code import python_code
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHEELS, _BUNDLES, _AARS = (".whl",), (".tar.gz",), (".aar",)
SELF_TEST_TIMEOUT_S = 300.0

_BUILT_IN = "edgecnn.ondevice"
_COPY = "packaged_code"
"""Module name of the code of a library whose task belongs to another package."""


@dataclass(frozen=True)
class Package:
    """A package whose files match its manifest.

    Attributes:
        path: The archive.
        folder: Folder of the manifest in it.
        manifest: The manifest.
        members: All files' content by path.
    """

    path: Path
    folder: str
    manifest: PackageManifest
    members: Mapping[str, bytes]

    def unpack(self, folder: Path) -> Path:
        """Write the package's files below ``folder`` and return the folder of its manifest."""
        for name, data in self.members.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return folder / self.folder


def verify_package(path: Path, log: Path, *, key: Path | None, self_test: bool) -> VerifyResult:
    """Verify a package: signature if a key is given, digest of every file, self-test.

    Args:
        path: The package.
        log: File for the output of tools and runtimes.
        key: Public key of the signer.
        self_test: Whether the model is executed.

    Raises:
        InputError: The file is not a package, or has no signature.
        VerificationFailed: The signature, a file (named in the message) or the self-test is wrong.
        MissingDependency: The toolchain model-signing is not installed.
    """
    if key is not None:
        verify_signature(path, key, log)
    found = open_package(path)
    return VerifyResult(
        path=path,
        name=found.manifest.name,
        version=found.manifest.version,
        platform=found.manifest.platform,
        members=len(found.members),
        signed=None if key is None else True,
        self_test=run_self_test(found, log) if self_test else None,
    )


def open_package(path: Path) -> Package:
    """Read a package and compare every file with its manifest.

    Args:
        path: A ``.whl``, a ``.tar.gz`` around one, or an ``.aar``.

    Raises:
        InputError: The file has another type, or cannot be read.
        VerificationFailed: A file was changed, is missing or was added; the message names it.
    """
    if not path.name.endswith((*_WHEELS, *_BUNDLES, *_AARS)):
        raise InputError(f"{path} is no package: a .whl, .tar.gz or .aar that `edgecnn package` wrote")
    try:
        members = read_archive(path)
        if path.name.endswith(_BUNDLES):
            members = _inner_wheel(members)
        return _checked(path, members)
    except DamagedPackage as error:
        raise VerificationFailed(f"{path}: {error}") from error


def run_self_test(package: Package, log: Path) -> SelfTestReport:
    """Run a package's own self-test in a separate process and an empty folder.

    Raises:
        VerificationFailed: This machine does not give the outputs that the package was built with.
        WorkerError: It crashed or timed out.
    """
    with tempfile.TemporaryDirectory(prefix="edgecnn-verify-") as scratch:
        root = Path(scratch)
        folder = package.unpack(root)
        module = _module(package, root)
        code = f"import sys\nfrom pathlib import Path\nfrom {module}.command import main\n"
        code += "sys.exit(main(Path(sys.argv[1]), ['--self-test', '--json']))\n"
        own = None if module == _BUILT_IN else str(root)
        return _run([sys.executable, "-c", code, str(folder)], own, root, package.path.name, log)


def _module(package: Package, root: Path) -> str:
    """Return the folder of the self-test's code: the Python package's own, or edgecnn's for Android.

    The code of another package's task is written below ``root``.
    """
    if not package.path.name.endswith(_AARS):
        return f"{package.folder}.ondevice"
    kind, settings = package.manifest.task, package.manifest.settings
    if kind in MODULES or settings is None:
        return _BUILT_IN
    task = task_of({**settings, "kind": kind})
    for name, data in python_code(_COPY, task).items():
        path = root / _COPY / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return f"{_COPY}.ondevice"


def _run(command: list[str], path: str | None, folder: Path, what: str, log: Path) -> SelfTestReport:
    environment = quiet_environment() | ({"PYTHONPATH": path} if path else {})
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        start = sink.tell()
        try:
            finished = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=sink,
                env=environment,
                cwd=folder,
                timeout=SELF_TEST_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise WorkerError(f"the self-test of {what} did not end in {SELF_TEST_TIMEOUT_S:g} s") from None
    try:
        result = json.loads(finished.stdout.decode().strip().splitlines()[-1])
    except (ValueError, IndexError):
        death = describe_death(f"the self-test of {what}", finished.returncode, log, start)
        raise WorkerError(death, hint=f"its log: {log}") from None
    if finished.returncode != 0:
        reason = "; ".join(result.get("problems") or [str(result.get("error"))])
        raise VerificationFailed(f"the self-test of {what} failed: {reason}")
    return SelfTestReport.from_json(result, f"the output of the self-test of {what}")


def _inner_wheel(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Check a bundle's list of digests, and return the members of the wheel in it."""
    sums = [name for name in members if name.rpartition("/")[2] == "SHA256SUMS"]
    wheels = [name for name in members if name.endswith(_WHEELS)]
    if len(sums) != 1 or len(wheels) != 1:
        raise DamagedPackage("it does not hold one wheel and one SHA256SUMS")
    root = sums[0].rpartition("/")[0]
    listed = {}
    for line in members[sums[0]].decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[f"{root}/{name}"] = digest
    _compare({name: data for name, data in members.items() if name != sums[0]}, listed)
    with tempfile.TemporaryDirectory(prefix="edgecnn-verify-") as scratch:
        wheel = Path(scratch) / Path(wheels[0]).name
        wheel.write_bytes(members[wheels[0]])
        return read_archive(wheel)


def _checked(path: Path, members: Mapping[str, bytes]) -> Package:
    found = [name for name in members if name.rpartition("/")[2] == MANIFEST]
    if len(found) != 1:
        raise DamagedPackage(f"it holds {len(found)} files called {MANIFEST}, not one")
    folder = found[0].rpartition("/")[0]
    manifest = _manifest(members[found[0]])
    listed = {f"{folder}/{name}": digest for name, digest in manifest.files.items()} | manifest.outer
    # RECORD contains the manifest's digest, so the manifest cannot contain RECORD's.
    unlisted = {found[0], *(name for name in members if name.endswith(".dist-info/RECORD"))}
    _compare({name: data for name, data in members.items() if name not in unlisted}, listed)
    return Package(path, folder, manifest, members)


def _manifest(data: bytes) -> PackageManifest:
    if len(data) > MAX_JSON_BYTES:
        raise DamagedPackage(f"{MANIFEST} is larger than {MAX_JSON_BYTES} bytes")
    try:
        return PackageManifest.from_text(data, MANIFEST)
    except ValueError as error:
        raise DamagedPackage(str(error)) from error


def _compare(members: Mapping[str, bytes], listed: Mapping[str, str]) -> None:
    for name in sorted(listed.keys() | members.keys()):
        if name not in members:
            raise DamagedPackage(f"{name} is missing")
        if name not in listed:
            raise DamagedPackage(f"{name} was added: the manifest does not list it")
        if hashlib.sha256(members[name]).hexdigest() != listed[name]:
            raise DamagedPackage(f"{name} was changed: its sha256 is not the manifest's")
