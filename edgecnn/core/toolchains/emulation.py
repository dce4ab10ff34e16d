"""Emulated computers: a Debian root for another architecture, its packages, and a plugin that counts.

Each device has a folder inside the toolchain's: ``root`` holds the release's system, unpacked but not
configured, because only Python and its libraries are needed; ``site`` holds the packages. QEMU's user mode
executes programs of ``root`` with the system calls of this machine.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import MissingDependency, UsageError
from edgecnn.core.toolchains.environment import Environment, require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.core.config.toolchain import EmulatedMachine, Emulation

    Run = Callable[[Sequence[str]], None]

NAME = "arm-emulation"
QEMU = {"arm64": "qemu-aarch64", "armhf": "qemu-arm"}
"""QEMU's program by Debian's architecture."""

PLUGIN = "instructions.so"

_SOURCE = Path(__file__).with_name("instructions.c")
_PACKAGES = "python3-minimal,libpython3-stdlib,python3,libstdc++6,libgomp1,zlib1g,ca-certificates"
# Libraries with several variants in Debian; the configuration of a package would choose one.
_ALTERNATIVES = ("*/blas/lib*.so.3", "*/lapack/lib*.so.3")
_CORES = 4
# The newest platform that every release supports: Bookworm's C library is 2.36.
_PLATFORM = "2_35"
_OLDER_PLATFORMS = ("2_34", "2_28", "2_27", "2_17")
# The packages of the original release without later updates: instruction counts stay the same from day to
# day, and an index of updates that disagrees with its mirror is not needed.
_POINT_RELEASE = 'sed --in-place --expression=/-updates/d --expression=/-security/d "$1/etc/apt/sources.list"'
_CORE = """\
processor\t: {core}
BogoMIPS\t: 108.00
Features\t: {features}
CPU implementer\t: 0x41
CPU architecture: {version}
CPU variant\t: 0x0
CPU part\t: {part}
CPU revision\t: 3

"""


def build_emulation(environment: Environment, run: Run) -> None:
    """Create every device of a toolchain; the caller writes the file that marks them as complete.

    Args:
        environment: The toolchain, with an empty directory.
        run: Executes a command, or raises.

    Raises:
        MissingDependency: A program is missing and cannot be installed, or a command failed.
    """
    emulation = _emulation(environment)
    _require_programs(emulation, run)
    environment.directory.mkdir(parents=True)
    run(["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-o", str(environment.directory / PLUGIN), str(_SOURCE)])
    for name, device in emulation.devices.items():
        folder = environment.directory / name
        folder.mkdir()
        run(
            [
                *("mmdebstrap", "--quiet", f"--architectures={device.architecture}", "--variant=extract"),
                f"--include={','.join((_PACKAGES, *device.debian))}",
                f"--setup-hook={_POINT_RELEASE}",
                *(device.release, str(folder / "root")),
            ]
        )
        _finish_root(folder / "root", device)
        run(_site_command(environment, device, folder / "site"))


def emulated_device(name: str) -> tuple[Path, EmulatedMachine]:
    """Return folder and description of an installed emulated device.

    Raises:
        UsageError: There is no device of that name.
        MissingDependency: The toolchain is not installed, or QEMU has been removed.
    """
    known = _emulation(Environment.of(NAME)).devices
    if name not in known:
        raise UsageError(f"no emulated device is called {name!r}; there are {', '.join(known)}")
    environment = require(NAME)
    program = QEMU[known[name].architecture]
    if shutil.which(program) is None:
        raise MissingDependency(f"there is no program {program}", hint="apt-get install qemu-user")
    return environment.directory / name, known[name]


def _emulation(environment: Environment) -> Emulation:
    emulation = environment.toolchain.emulation
    if emulation is None:
        raise UsageError(f"toolchain {environment.toolchain.name!r} emulates nothing")
    return emulation


def _require_programs(emulation: Emulation, run: Run) -> None:
    """Install missing programs if that is allowed: for root on a Debian system."""
    packages = sorted({package for name, package in emulation.programs.items() if shutil.which(name) is None})
    if not packages:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingDependency(
            f"the emulation needs {', '.join(packages)} on this machine", hint=f"sudo {' '.join(command)}"
        )
    run(command)


def _finish_root(root: Path, device: EmulatedMachine) -> None:
    """Complete an unpacked root with merged folders, alternatives, and the device's cpuinfo."""
    for name in ("bin", "lib"):
        if not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for pattern in _ALTERNATIVES:
        for library in (root / "usr" / "lib").glob(pattern):
            link = library.parents[1] / library.name
            if not link.exists():
                link.symlink_to(library.relative_to(link.parent))
    (root / "proc").mkdir(exist_ok=True)
    version = 8 if device.architecture == "arm64" else 7
    cores = (
        _CORE.format(core=core, features=device.features.strip(), version=version, part=device.part)
        for core in range(_CORES)
    )
    (root / "proc" / "cpuinfo").write_text("".join(cores), encoding="ascii")


def _site_command(environment: Environment, device: EmulatedMachine, site: Path) -> list[str]:
    """Return the command that unpacks the device's packages, with uv if it is installed beside python."""
    wanted = environment.toolchain.requirements if device.requirements is None else device.requirements
    packages = [f"{name}=={version}" for name, version in wanted.items()]
    uv = Path(sys.executable).with_name("uv")
    if uv.is_file() and device.architecture == "arm64":  # uv does not support 32-bit Arm
        return [
            *(str(uv), "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"),
            *("--python-platform", f"aarch64-manylinux_{_PLATFORM}", "--python-version", device.python),
            *("--target", str(site), *packages),
        ]
    machine = "aarch64" if device.architecture == "arm64" else "armv7l"
    platforms = [f"manylinux_{glibc}_{machine}" for glibc in (_PLATFORM, *_OLDER_PLATFORMS)]
    return [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--implementation", "cp", "--python-version", device.python),
        *(part for platform in platforms for part in ("--platform", platform)),
        *("--target", str(site), *packages),
    ]
