"""Emulated computers, which run programs of another architecture and count their instructions."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from edgecnn.backends.registry import runtimes
from edgecnn.backends.worker.probe import facts
from edgecnn.core.documents.listing import Instructions
from edgecnn.core.errors import WorkerError
from edgecnn.core.toolchains.emulation import NAME, PLUGIN, QEMU, emulated_device
from edgecnn.core.toolchains.environment import require
from edgecnn.core.toolchains.program import run_program
from edgecnn.devices.host import host_from
from edgecnn.devices.local import LocalDevice
from edgecnn.devices.session import OPEN_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.backends.worker.runtime import Execution
    from edgecnn.core.documents.host import Host
    from edgecnn.devices.session import OpenOptions, Session

_INFERENCES = 5
# QEMU translates every instruction at its first use, so opening takes ten times as long.
_SLOWNESS = 5.0


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

        The count includes Python's instructions to pass the arrays: about ten thousand, always the same
        number.

        Raises:
            MissingDependency: The toolchain is not installed.
            WorkerError: The worker crashed or timed out, or the counter does not work in this QEMU.
        """
        with tempfile.TemporaryDirectory(prefix="edgecnn-count-") as folder:
            marks = Path(folder) / "marks"
            with self.local(marks).open(
                runtime, model, log=log, execution=execution, timeout_s=_SLOWNESS * OPEN_TIMEOUT_S
            ) as session:
                session.count(_INFERENCES)
            text = marks.read_text(encoding="ascii") if marks.is_file() else ""
        counted = [int(line) for line in text.splitlines()][-_INFERENCES - 1 :]
        if len(counted) <= _INFERENCES:
            raise WorkerError(f"the counter of {self.name} left {len(counted)} marks", hint=f"its log: {log}")
        each = [after - before for before, after in itertools.pairwise(counted)]
        return Instructions.of(self.name, each, qemu_version(self.name, log))

    def local(self, marks: Path | None = None) -> LocalDevice:
        """Return the starter of emulated workers, which count into ``marks`` if it is given.

        Raises:
            MissingDependency: The toolchain is not installed.
        """
        folder, device = emulated_device(self.name)
        root = folder / "root"
        plugin = require(NAME).directory / PLUGIN
        counting = () if marks is None else ("-plugin", f"file={plugin},out={marks}")
        return LocalDevice(
            python=root / "usr" / "bin" / f"python{device.python}",
            launcher=(QEMU[device.architecture], "-L", str(root), *counting),
            packages=folder / "site",
            # Dictionaries of strings get the same order, and so the same cost, in every process.
            variables={"QEMU_CPU": device.cpu, "PYTHONHASHSEED": "0"},
        )

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
