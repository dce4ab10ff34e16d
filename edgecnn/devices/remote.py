"""A device behind a shell; the numpy-only runner is copied there, and files are copied as needed.

The device needs Python 3.11, numpy and the runtime; nothing is installed on it. All files are in one folder,
which is removed when the device is closed.
"""

from __future__ import annotations

import io
import itertools
import os
import shlex
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, Unpack

from edgecnn.backends.formats import companions
from edgecnn.backends.registry import package_folder, runtimes
from edgecnn.backends.worker.probe import MachineFacts
from edgecnn.core.child import run
from edgecnn.core.errors import InputError, MissingDependency, WorkerError
from edgecnn.devices.host import host_from
from edgecnn.devices.local import worker_path
from edgecnn.devices.session import OpenOptions, Session, open_request, opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from edgecnn.core.documents.host import Host


SHORT_TIMEOUT_S = 60.0
COPY_TIMEOUT_S = 600.0
_MOST_WORDS = 300
_PACKAGES = {"ssh": "openssh-client", "adb": "adb"}
_VARIABLES = ("OMP_WAIT_POLICY=PASSIVE", "TF_CPP_MIN_LOG_LEVEL=3", "PYTHONUNBUFFERED=1", "PYTHONSAFEPATH=1")


class Shell(Protocol):
    """The transport of commands and files to a device."""

    @property
    def name(self) -> str:
        """Return the name of the device in ``--device``."""

    @property
    def scratch(self) -> str:
        """Return the folder on the device in which a temporary folder is created."""

    @property
    def python(self) -> str:
        """Return the device's interpreter with numpy and the runtime."""

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the command line of this machine that executes ``words`` on the device."""

    def push(self, source: Path, target: str) -> list[str]:
        """Return the local command that copies a file, from its standard input, to the device."""

    def pull(self, source: str) -> list[str]:
        """Return the local command that prints a file of the device."""


@dataclass
class RemoteDevice:
    """A device behind a shell; a context manager that removes the copied files.

    Attributes:
        shell: Its transport.
    """

    shell: Shell
    _folder: str = ""
    _sent: dict[tuple[str, int, int], str] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _facts: MachineFacts | None = None

    def __enter__(self) -> RemoteDevice:
        made = self._run(["mktemp", "-d", f"{self.shell.scratch}/edgecnn.XXXXXX"]).strip()
        if not made.startswith(f"{self.shell.scratch}/edgecnn."):
            raise WorkerError(f"{self.shell.name} made no folder below {self.shell.scratch}: {made[:80]!r}")
        self._folder = made
        try:
            self._copy_runner()
            told = self._run([*self._python(), "-m", "edgecnn.backends.worker.probe"])
            self._facts = MachineFacts.from_text(told)
        except ValueError as error:
            self.close()
            raise WorkerError(f"{self.shell.name} did not say what it is: {error}") from error
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder on the device, if the device can still be reached."""
        words = self.shell.command(["rm", "-rf", self._folder])
        run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SHORT_TIMEOUT_S)

    def open(
        self,
        runtime: str,
        model: Path,
        *,
        log: Path,
        **options: Unpack[OpenOptions],
    ) -> Session:
        """Copy a model to the device and open it in a worker there.

        See :meth:`edgecnn.devices.local.LocalDevice.open`.

        Raises:
            WorkerError: The device cannot be reached, or the worker crashed or timed out.
        """
        request = open_request(runtime, self._send_model(model), options)
        session = Session(
            self.shell.command([*self._python(), "-m", "edgecnn.backends.worker.main"]),
            log=log,
            what=f"{runtime} running {model.name} on {self.shell.name}",
            environment=dict(os.environ),
            scratch=tempfile.TemporaryDirectory(prefix="edgecnn-remote-"),
            transfer=self,
        )
        return opened(session, request, options)

    def host(self) -> Host:
        """Return the device's fingerprint."""
        return host_from(self._known(), {})

    def cpus(self) -> list[int]:
        """Return the CPUs of the device that workers may run on, in order."""
        return list(self._known().cpus)

    def _known(self) -> MachineFacts:
        if self._facts is None:
            raise WorkerError(f"{self.shell.name} is not connected")
        return self._facts

    def send(self, path: Path) -> str:
        """Copy a file to the device, once, and return its path there."""
        status = path.stat()
        key = (str(path.resolve()), status.st_mtime_ns, status.st_size)
        if key not in self._sent:
            self._sent[key] = self._push(path, f"{next(self._numbers)}{path.suffix}")
        return self._sent[key]

    def folder(self, path: Path) -> str:
        """Create a folder on the device for files that are copied to a local folder later."""
        place = f"{self._folder}/{next(self._numbers)}-{path.name}"
        self._run(["mkdir", "-p", place])
        return place

    def receive(self, path: str, folder: Path) -> Path:
        """Copy a file of the worker to a local folder; files outside the worker's folder are refused."""
        if not path.startswith(f"{self._folder}/") or ".." in path:
            raise WorkerError(f"{self.shell.name} wrote to {path!r}, outside of its folder")
        target = folder / Path(path).name
        with target.open("wb") as sink:
            self._execute(self.shell.pull(path), stdout=sink)
        return target

    def _send_model(self, model: Path) -> str:
        """Copy a model together with the files that belong to it."""
        if not model.is_file():
            raise InputError(f"there is no model file {model}")
        sent = self.send(model)
        for file in companions(model):
            self._push(file, Path(sent).with_suffix(file.suffix).name)
        return sent

    def _push(self, path: Path, name: str) -> str:
        target = f"{self._folder}/{name}"
        with path.open("rb") as source:
            self._execute(self.shell.push(path, target), stdin=source)
        return target

    def _copy_runner(self) -> None:
        """Copy all files that a worker imports of edgecnn, and unpack them with the device's Python."""
        with tempfile.TemporaryDirectory(prefix="edgecnn-runner-") as folder:
            beside = {package_folder(record) for record in runtimes().values()}
            path = Path(worker_path(Path(folder), [place for place in beside if place], own=False))
            archive = Path(folder) / "runner.tar"
            archive.write_bytes(_tar(path))
            sent = self._push(archive, "runner.tar")
        self._run([self.shell.python, "-m", "tarfile", "-e", sent, f"{self._folder}/path"])

    def _python(self) -> list[str]:
        return ["env", f"PYTHONPATH={self._folder}/path", *_VARIABLES, self.shell.python]

    def _run(self, words: Sequence[str]) -> str:
        return self._execute(self.shell.command(words), timeout_s=SHORT_TIMEOUT_S).decode(errors="replace")

    def _execute(
        self,
        command: Sequence[str],
        *,
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
        timeout_s: float = COPY_TIMEOUT_S,
    ) -> bytes:
        """Run a local command that communicates with the device."""
        try:
            done = run(
                command,
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout or subprocess.PIPE,
                stderr=subprocess.PIPE,
                timeout=timeout_s,
            )
        except FileNotFoundError as error:
            raise MissingDependency(
                f"there is no program {command[0]}",
                hint=f"apt-get install {_PACKAGES.get(command[0], command[0])}",
            ) from error
        except subprocess.TimeoutExpired:
            raise WorkerError(f"{self.shell.name} did not answer for {timeout_s:g} s") from None
        if done.returncode != 0:
            words = " ".join(done.stderr.decode(errors="replace").split())[-_MOST_WORDS:]
            raise WorkerError(
                f"{self.shell.name}: {words or f'exit code {done.returncode}'}",
                hint=f"the command was: {shlex.join(command)[:_MOST_WORDS]}",
            )
        return done.stdout or b""


def _tar(path: Path) -> bytes:
    """Return the Python files below a folder, following links, as an archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        for folder, _, names in os.walk(path, followlinks=True):
            for file in (Path(folder) / name for name in sorted(names) if name.endswith(".py")):
                archive.add(file, file.relative_to(path).as_posix(), recursive=False)
    return buffer.getvalue()
