"""Emulated computers, which run programs of another architecture and count their instructions."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Unpack

from edgecnn.backends.registry import find_runtime, package_folder, runtimes
from edgecnn.backends.worker.probe import facts
from edgecnn.core.documents.listing import Instructions
from edgecnn.core.errors import WorkerError
from edgecnn.core.toolchains.emulation import NAME, PLUGIN, QEMU, emulated_device
from edgecnn.core.toolchains.environment import require
from edgecnn.core.toolchains.program import run_program
from edgecnn.devices.counting_place import counting_place
from edgecnn.devices.host import host_from
from edgecnn.devices.local import WORKER, LocalDevice
from edgecnn.devices.session import OPEN_TIMEOUT_S, Session, open_request, opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgecnn.backends.worker.runtime import Execution
    from edgecnn.core.documents.host import Host
    from edgecnn.devices.counting_place import CountingPlace
    from edgecnn.devices.session import OpenOptions

# The first two include what Python does once for a loop, one may collect garbage: the median is neither.
_INFERENCES = 7
# QEMU translates every instruction at its first use, so opening takes ten times as long.
_SLOWNESS = 5.0
# A counted process also compiles Python's modules.
_COUNT_SLOWNESS = 10.0
# Random numbers that the kernel gives to a process, and the kernel's name: equal everywhere.
_FIXED = ("-seed", "0", "-r", "6.1.0")


@dataclass(frozen=True)
class EmulatedDevice:
    """A computer of the toolchain ``arm-emulation``, which uses this machine's files.

    Its results equal those of its processor, bit for bit; its times are meaningless.

    Attributes:
        name: ``raspberry-pi-2`` (32-bit), ``raspberry-pi-4`` or ``raspberry-pi-5``.
    """

    name: str

    def open(
        self,
        runtime: str,
        model: Path,
        *,
        log: Path,
        **options: Unpack[OpenOptions],
    ) -> Session:
        """Open a model in an emulated worker; see :meth:`edgecnn.devices.local.LocalDevice.open`.

        Raises:
            MissingDependency: The toolchain is not installed.
        """
        options["timeout_s"] = _SLOWNESS * options.get("timeout_s", OPEN_TIMEOUT_S)
        return self.local().open(runtime, model, log=log, **options)

    def run(
        self,
        program: Sequence[str],
        *,
        log: Path,
        timeout_s: float,
        packages: Path | None = None,
        folder: Path | None = None,
    ) -> str:
        """Run the device's Python and return its output.

        Args:
            program: Arguments of the interpreter, such as ``("-m", "mymodel", "--self-test")``.
            log: File to which its output is appended.
            timeout_s: Time limit in seconds.
            packages: Folder of packages with precedence over the device's own.
            folder: Working directory.

        Raises:
            MissingDependency: The toolchain is not installed.
            WorkerError: The program crashed, timed out or failed.
        """
        device = self.local()
        folders = [str(path) for path in (packages, device.packages) if path is not None]
        variables = {**device.variables, "PYTHONPATH": ":".join(folders)}
        assigned = [f"{name}={value}" for name, value in variables.items()]
        command = ["env", *assigned, *device.launcher, str(device.python), *program]
        what = f"{program[-1]} on an emulated {self.name}"
        return run_program(command, what=what, log=log, timeout_s=timeout_s, folder=folder)

    def count(
        self, runtime: str, model: Path, *, log: Path, execution: Execution = "shipping"
    ) -> Instructions:
        """Count the instructions of one inference with one thread.

        The count includes Python's instructions to pass the arrays: about ten thousand. The process finds
        the same surroundings everywhere (:mod:`edgecnn.devices.counting_place`).

        Raises:
            MissingDependency: The toolchain is not installed.
            WorkerError: The worker crashed or timed out, or the counter does not work in this QEMU.
        """
        package = package_folder(find_runtime(runtime))
        with counting_place(self.name, model, [package] if package else []) as place:
            with self._counted(place, runtime, log, execution) as session:
                session.count(_INFERENCES)
            text = place.marks.read_text(encoding="ascii") if place.marks.is_file() else ""
        counted = [int(line) for line in text.splitlines()][-_INFERENCES - 1 :]
        if len(counted) <= _INFERENCES:
            raise WorkerError(f"the counter of {self.name} left {len(counted)} marks", hint=f"its log: {log}")
        each = [after - before for before, after in itertools.pairwise(counted)]
        return Instructions.of(self.name, each, qemu_version(self.name, log))

    def local(self) -> LocalDevice:
        """Return the starter of emulated workers.

        Raises:
            MissingDependency: The toolchain is not installed.
        """
        folder, device = emulated_device(self.name)
        root = folder / "root"
        return LocalDevice(
            python=root / "usr" / "bin" / f"python{device.python}",
            launcher=(QEMU[device.architecture], "-L", str(root)),
            packages=folder / "site",
            variables={"QEMU_CPU": device.cpu},
        )

    def _counted(self, place: CountingPlace, runtime: str, log: Path, execution: Execution) -> Session:
        """Open a model in a worker whose instructions are counted."""
        _, device = emulated_device(self.name)
        options: OpenOptions = {"execution": execution, "timeout_s": _COUNT_SLOWNESS * OPEN_TIMEOUT_S}
        session = Session(
            [
                *(QEMU[device.architecture], "-L", str(place.root), *_FIXED),
                *("-plugin", f"file={require(NAME).directory / PLUGIN},out={place.marks}"),
                *(str(place.root / "usr" / "bin" / f"python{device.python}"), "-m", WORKER),
            ],
            log=log,
            what=f"{runtime} counting {place.model.name}",
            environment=place.environment | {"QEMU_CPU": device.cpu},
            scratch=tempfile.TemporaryDirectory(prefix="edgecnn-worker-"),
        )
        return opened(session, open_request(runtime, str(place.model), options), options)

    def host(self) -> Host:
        """Return the emulated device's fingerprint: its processor, with this machine's memory and load."""
        folder, device = emulated_device(self.name)
        found = replace(
            facts(),
            cpuinfo=(folder / "root" / "proc" / "cpuinfo").read_text(encoding="ascii"),
            machine="aarch64" if device.architecture == "arm64" else "armv7l",
            model=f"{self.name} ({device.cpu}, emulated by {QEMU[device.architecture]})",
            python=device.python,
            system=f"Debian {device.release}",
        )
        held = device.requirements or require(NAME).toolchain.requirements
        versions = {
            name: held[record.distribution]
            for name, record in runtimes().items()
            if record.distribution in held
        }
        return host_from(found, versions)

    def cpus(self) -> list[int]:
        """Return the CPUs of this machine."""
        return LocalDevice().cpus()


def qemu_version(name: str, log: Path) -> str:
    """Return the version that a device's emulator reports.

    Raises:
        WorkerError: It does not answer.
    """
    _, device = emulated_device(name)
    program = QEMU[device.architecture]
    text = run_program([program, "--version"], what=program, log=log, timeout_s=30.0)
    return text.splitlines()[0].strip()
