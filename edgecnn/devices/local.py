"""This machine as a device: a worker process, in this or in another Python environment."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Unpack

import edgecnn
from edgecnn.backends.formats import companions
from edgecnn.backends.registry import find_runtime, package_folder
from edgecnn.core.errors import MissingDependency
from edgecnn.core.process import memory_for, quiet_environment
from edgecnn.core.toolchains.environment import require
from edgecnn.devices.host import host, usable_cpus
from edgecnn.devices.session import OpenOptions, Session, open_request, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edgecnn.backends.records import RuntimeRecord
    from edgecnn.core.documents.host import Host


WORKER = "edgecnn.backends.worker.main"
"""Module that a worker's interpreter runs."""

# Everything that a worker imports of edgecnn. Its environment may lack edgecnn and its dependencies, and this
# environment's site-packages on its path would mix two environments.
_WORKER_PARTS = (
    "core/array_file.py",
    "core/child.py",
    "core/errors.py",
    "core/foreign_code.py",
    "core/supervisor.py",
    "core/text.py",
    "core/this_process.py",
    "ondevice",
    "backends/worker",
    "backends/*/device.py",
    "backends/*/runtime.py",
)


@dataclass(frozen=True)
class LocalDevice:
    """Opens models in worker processes on this machine.

    Attributes:
        python: Interpreter of the environment with the runtime; by default that of the runtime's toolchain if
            it has one, otherwise this one.
        launcher: Command that executes the interpreter, such as an emulator; empty for none.
        packages: Folder of packages for an interpreter without its own.
        variables: Further variables of the worker's environment.
    """

    python: Path | None = None
    launcher: tuple[str, ...] = ()
    packages: Path | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def open(
        self,
        runtime: str,
        model: Path,
        *,
        log: Path,
        **options: Unpack[OpenOptions],
    ) -> Session:
        """Open a model in a new worker.

        Args:
            runtime: Name in the table of runtimes: ``onnxruntime``, ``litert``, ``openvino``, ...
            model: The model file.
            log: File for the runtime's output.
            options: Execution, threads, pinning, limits. The address space of a runtime of this environment
                has by default the limit of all processes that read files from elsewhere.

        Raises:
            InputError: The file is not a model that the runtime can run.
            MissingDependency: The runtime, its toolchain or the interpreter is missing.
            UsageError: There is no such runtime, option or CPU.
            WorkerError: The worker crashed, timed out or ran out of memory.
        """
        record = find_runtime(runtime)
        if record.toolchain is None and self.python is None and not self.launcher:
            options.setdefault("memory_bytes", memory_for(model, *companions(model)))
        request = open_request(runtime, str(model), options)
        session = self.start(
            [*self.launcher, str(self.python or _interpreter(record)), "-m", WORKER],
            log=log,
            what=f"{runtime} running {model.name}",
            beside=package_folder(record),
        )
        return opened(session, request, options)

    def start(self, command: Sequence[str], *, log: Path, what: str, beside: Path | None = None) -> Session:
        """Start a worker's command line with the worker's files on its path and without a model.

        Args:
            command: The command line.
            log: File for the runtime's output.
            what: Name of the worker in messages.
            beside: Folder of the other package that provides the runtime.

        Raises:
            MissingDependency: The program does not exist.
        """
        scratch = TemporaryDirectory(prefix="edgecnn-worker-")
        path = worker_path(
            Path(scratch.name), [beside] if beside else [], own=Path(command[0]) == Path(sys.executable)
        )
        environment = {
            **os.environ,
            **quiet_environment(),
            **self.variables,
            "PYTHONPATH": path if self.packages is None else f"{path}{os.pathsep}{self.packages}",
            # The current directory is not on the worker's path.
            "PYTHONSAFEPATH": "1",
        }
        try:
            return Session(command, log=log, what=what, environment=environment, scratch=scratch)
        except FileNotFoundError as error:
            scratch.cleanup()
            raise MissingDependency(f"there is no program {command[0]}") from error

    def host(self) -> Host:
        """Return this machine's fingerprint."""
        return host()

    def cpus(self) -> list[int]:
        """Return the CPUs that this process may run on, in order."""
        return usable_cpus()


def _interpreter(runtime: RuntimeRecord) -> Path:
    """Return the interpreter of a runtime's environment."""
    return Path(sys.executable) if runtime.toolchain is None else require(runtime.toolchain).python


def worker_path(scratch: Path, beside: Iterable[Path] = (), *, own: bool) -> str:
    """Return the worker's ``PYTHONPATH``.

    Args:
        scratch: Folder in which links to the worker's files are made.
        beside: Folders of packages that provide runtimes; packages beside them are not visible.
        own: Whether the worker runs in this environment and inherits its path.
    """
    package = scratch / "path" / "edgecnn"
    source = Path(edgecnn.__file__).parent
    for part in (found for pattern in _WORKER_PARTS for found in sorted(source.glob(pattern))):
        link = package / part.relative_to(source)
        if link.exists():  # it came with its folder
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(part)
    for folder in (package, *(found for found in package.rglob("*") if found.is_dir())):
        if not folder.is_symlink():
            (folder / "__init__.py").touch()
    for folder in beside:
        (package.parent / folder.name).symlink_to(folder)
    inherited = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join([str(package.parent), *([inherited] if own and inherited else [])])
