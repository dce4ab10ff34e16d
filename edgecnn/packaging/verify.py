"""Verification of an untrusted package: its signature, every digest, then its self-test.

Without a valid signature no code of a package is executed unless the user asks for it: edgecnn's own code
runs the self-test on the package's data (model, contract, golden vectors).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import edgecnn
from edgecnn.core.child import run
from edgecnn.core.documents.package import SelfTestReport, VerifyResult
from edgecnn.core.errors import UsageError, VerificationFailed, WorkerError
from edgecnn.core.process import describe_death, quiet_environment
from edgecnn.ondevice.json_text import parse_json
from edgecnn.ondevice.tasks.table import MODULES
from edgecnn.packaging.contents import open_package
from edgecnn.packaging.sign import signed_copy
from edgecnn.packaging.vendored_code import python_code
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from edgecnn.packaging.contents import Package

SELF_TEST_TIMEOUT_S = 300.0
MEMORY_BYTES = 8 << 30
"""Limit on the address space of a self-test, so that a model cannot exhaust the machine."""

_BUILT_IN = "edgecnn.ondevice"
_COPY = "packaged_code"
"""Module name of a copy of edgecnn's code for a task of another package that is installed here."""

_CODE = f"""\
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES}, {MEMORY_BYTES}))
from MODULE.command import main
sys.exit(main(Path(sys.argv[1]), ["--self-test", "--json"]))
"""


def verify_package(path: Path, log: Path, *, key: Path | None, self_test: bool | None) -> VerifyResult:
    """Verify a package: signature if a key is given, digest of every file, self-test.

    Args:
        path: The package.
        log: File for the output of tools and runtimes.
        key: Public key of the signer.
        self_test: True for the package's own self-test, False for none; by default the package's own if its
            signature is valid, and otherwise edgecnn's.

    Raises:
        InputError: The file is not a package, or has no signature.
        VerificationFailed: The signature, a file (named in the message) or the self-test is wrong.
        MissingDependency: The toolchain model-signing is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="edgecnn-verify-") as scratch:
        folder = Path(scratch)
        copy = None if key is None else signed_copy(path, key, folder, log)
        found = open_package(path, folder, copy=copy)
        code: Literal["package", "edgecnn"] = (
            "package" if (self_test or key is not None) and found.has_python else "edgecnn"
        )
        return VerifyResult(
            path=path,
            name=found.manifest.name,
            version=found.manifest.version,
            platform=found.manifest.platform,
            members=len(found.members),
            signed=None if key is None else True,
            self_test=None if self_test is False else run_self_test(found, log, code=code),
            self_test_code=None if self_test is False else code,
        )


def run_self_test(
    package: Package, log: Path, *, code: Literal["package", "edgecnn"] = "package"
) -> SelfTestReport:
    """Run the self-test of a package in a separate process and an empty folder.

    Args:
        package: The package; an Android library has no Python code of its own.
        log: File for the output of the runtime.
        code: Whose Python code is executed: the package's own, or edgecnn's with the package's data.

    Raises:
        UsageError: The package's task is not installed here, so edgecnn has no code for it.
        VerificationFailed: This machine does not give the outputs that the package was built with.
        WorkerError: It crashed or timed out.
    """
    with tempfile.TemporaryDirectory(prefix="edgecnn-self-test-") as scratch:
        root = Path(scratch)
        if code == "package" and package.has_python:
            module, where = f"{package.folder}.ondevice", package.root
        else:
            module, where = _own_code(package, root / "code")
        work = root / "work"
        work.mkdir()
        command = [sys.executable, "-P", "-c", _CODE.replace("MODULE", module), str(package.data.absolute())]
        return _run(command, where, work, package.path.name, log)


def _own_code(package: Package, folder: Path) -> tuple[str, Path]:
    """Return the module of edgecnn's on-device code and the folder to import it from.

    For the task of another package that is installed here, a copy with that task is written to ``folder``.
    """
    kind, settings = package.manifest.task, package.manifest.settings
    if kind in MODULES or settings is None:
        return _BUILT_IN, Path(edgecnn.__file__).parents[1]
    try:
        task = task_of({**settings, "kind": kind})
    except UsageError as error:
        raise UsageError(
            f"edgecnn cannot test {package.path.name}: {error.message}",
            hint="install the package that brings this task, or leave the test out: --no-self-test",
        ) from error
    for name, data in python_code(_COPY, task).items():
        path = folder / _COPY / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return f"{_COPY}.ondevice", folder


def _run(command: list[str], imports: Path, folder: Path, what: str, log: Path) -> SelfTestReport:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        start = sink.tell()
        try:
            finished = run(
                command,
                stdout=subprocess.PIPE,
                stderr=sink,
                env=quiet_environment() | {"PYTHONPATH": str(imports.absolute())},
                cwd=folder,
                timeout=SELF_TEST_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise WorkerError(f"the self-test of {what} did not end in {SELF_TEST_TIMEOUT_S:g} s") from None
    try:
        result = parse_json(finished.stdout.strip().rpartition(b"\n")[2])
    except ValueError:
        death = describe_death(f"the self-test of {what}", finished.returncode, log, start)
        raise WorkerError(death, hint=f"its log: {log}") from None
    if finished.returncode != 0:
        reason = "; ".join(result.get("problems") or [str(result.get("error"))])
        raise VerificationFailed(f"the self-test of {what} failed: {reason}")
    return SelfTestReport.from_json(result, f"the output of the self-test of {what}")
