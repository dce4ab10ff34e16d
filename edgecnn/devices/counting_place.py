"""A place in which a counted process finds the same surroundings in every home and for every user.

A count of instructions includes the interpreter that calls the runtime, and what the interpreter executes
depends on the layout of its memory: on the length of every path, on its variables, on the presence of byte
code. Here all of that is fixed. Paths lead through links of one length, the variables are the same, byte code
is neither read nor written, and the files that describe the processors are those of the emulated computer.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import WorkerError
from edgecnn.core.process import quiet_environment
from edgecnn.core.scratch import scratch_directory
from edgecnn.core.toolchains.emulation import emulated_device
from edgecnn.devices.local import worker_path

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

# The usual folder for temporary files has another length on other machines.
_PARENT = "/tmp"  # noqa: S108 - a new folder of its own is made there, which only this user can read
_CORES = 4


@dataclass(frozen=True)
class CountingPlace:
    """The surroundings of a counted process.

    Attributes:
        root: System of the emulated computer.
        model: The model file.
        marks: File for the counter's marks.
        environment: All variables of the process.
    """

    root: Path
    model: Path
    marks: Path
    environment: dict[str, str]


@contextmanager
def counting_place(device: str, model: Path, beside: Sequence[Path] = ()) -> Iterator[CountingPlace]:
    """Yield a place for a counted process, which is removed afterwards.

    Args:
        device: Name of the emulated computer.
        model: The model file.
        beside: Folders of packages that provide runtimes.

    Raises:
        MissingDependency: The toolchain is not installed.
        WorkerError: The place cannot be made.
    """
    folder, _ = emulated_device(device)
    with ExitStack() as stack:
        try:
            place = stack.enter_context(scratch_directory(Path(_PARENT), "edgecnn-count."))
        except OSError as error:
            raise WorkerError(
                f"a count needs a folder in {_PARENT}: {error.strerror or error}",
                hint=f"make {_PARENT} writable, or free some space there",
            ) from error
        yield _fill(place, folder, model, beside)


def _fill(place: Path, device: Path, model: Path, beside: Sequence[Path]) -> CountingPlace:
    root, site, files, home = (place / name for name in ("root", "site", "model", "home"))
    _link_system(root, (device / "root").resolve())
    _mirror((device / "site").resolve(), site)
    # The folder, not the file: a model may have other files beside it.
    files.symlink_to(model.resolve().parent)
    home.mkdir()
    environment = {
        **quiet_environment(),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        # Other threads would be counted too.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # Dictionaries of strings get the same order, and so the same cost, in every process.
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPYCACHEPREFIX": str(home),
        "PYTHONPATH": f"{worker_path(place, beside, own=False)}:{site}",
    }
    return CountingPlace(root, files / model.name, place / "marks", environment)


def _mirror(source: Path, folder: Path) -> None:
    """Make a folder of links to the files of another, in the order of their names, without byte code.

    Python reads whole folders when it looks for modules, so an entry more or less would change its memory.
    """
    folder.mkdir()
    for entry in sorted(source.iterdir()):
        if entry.name == "__pycache__":
            continue
        if entry.is_dir() and not entry.is_symlink():
            _mirror(entry, folder / entry.name)
        else:
            (folder / entry.name).symlink_to(entry)


def _link_entries(source: Path, folder: Path, *, without: Container[str]) -> None:
    """Make a folder of links to the entries of another."""
    folder.mkdir()
    for entry in sorted(source.iterdir()):
        if entry.name not in without:
            (folder / entry.name).symlink_to(entry)


def _link_system(system: Path, root: Path) -> None:
    """Make a system of links to another's files, with its own Python modules and processors."""
    _link_entries(root, system, without={"proc", "sys", "usr"})
    _link_entries(root / "usr", system / "usr", without={"lib"})
    libraries = root / "usr" / "lib"
    modules = {path.name for path in libraries.glob("python3.*") if path.is_dir()}
    _link_entries(libraries, system / "usr" / "lib", without=modules)
    for name in sorted(modules):
        _mirror(libraries / name, system / "usr" / "lib" / name)
    (system / "proc").mkdir()
    (system / "proc" / "cpuinfo").write_bytes((root / "proc" / "cpuinfo").read_bytes())
    processors = system / "sys" / "devices" / "system" / "cpu"
    everyone = f"0-{_CORES - 1}"
    for core in range(_CORES):
        values = {
            "physical_package_id": "0",
            "core_id": str(core),
            "cluster_cpus_list": everyone,
            "core_siblings_list": everyone,
            "package_cpus_list": everyone,
        }
        _write_lines(processors / f"cpu{core}" / "topology", values)
    _write_lines(
        processors,
        {"possible": everyone, "present": everyone, "online": everyone, "kernel_max": str(_CORES - 1)},
    )


def _write_lines(folder: Path, values: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name).write_text(f"{value}\n", encoding="ascii")
