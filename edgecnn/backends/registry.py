"""The registry of all backends: edgecnn's own folders, and those of installed packages.

A package provides a backend by an entry point of the group ``edgecnn.backends`` that names a
:class:`~edgecnn.backends.records.Backend`. Packages are only imported if a name is not one of edgecnn's own,
or if all names are listed.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from dataclasses import dataclass, replace
from functools import cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edgecnn.backends.records import Backend, CompilerRecord, FormatRecord, RuntimeRecord
from edgecnn.core.entry_points import BACKENDS, OWN, Extension, Origin, extensions
from edgecnn.core.errors import UsageError
from edgecnn.core.foreign_code import end_of
from edgecnn.core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Record = TypeVar("Record", FormatRecord, RuntimeRecord, CompilerRecord)


_LOCATION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class BackendProblem:
    """A backend of an installed package that cannot be used.

    Attributes:
        names: Names of its formats, runtimes and compilers.
        error: The problem, with the package's name and version.
    """

    names: frozenset[str]
    error: UsageError


@dataclass(frozen=True)
class Records:
    """Records by name.

    Attributes:
        formats: The formats.
        runtimes: The runtimes.
        compilers: The compilers for NPUs.
        problems: Backends that cannot be used.
    """

    formats: Mapping[str, FormatRecord]
    runtimes: Mapping[str, RuntimeRecord]
    compilers: Mapping[str, CompilerRecord]
    problems: tuple[BackendProblem, ...] = ()


def formats() -> Mapping[str, FormatRecord]:
    """Return every format by its name, edgecnn's own first."""
    return _every().formats


def runtimes() -> Mapping[str, RuntimeRecord]:
    """Return every runtime by its name, edgecnn's own first."""
    return _every().runtimes


def compilers() -> Mapping[str, CompilerRecord]:
    """Return every compiler by its name, edgecnn's own first."""
    return _every().compilers


def problems() -> tuple[BackendProblem, ...]:
    """Return the backends of installed packages that cannot be used."""
    return _every().problems


def find_format(name: str) -> FormatRecord:
    """Return a format's record.

    Raises:
        UsageError: There is no format of that name, or the package that provides it cannot be used.
    """
    return _find("format", name, lambda records: records.formats)


def find_runtime(name: str) -> RuntimeRecord:
    """Return a runtime's record.

    Raises:
        UsageError: There is no runtime of that name, or the package that provides it cannot be used.
    """
    return _find("runtime", name, lambda records: records.runtimes)


def find_compiler(name: str) -> CompilerRecord:
    """Return a compiler's record.

    Raises:
        UsageError: There is no compiler of that name, or the package that provides it cannot be used.
    """
    return _find("compiler", name, lambda records: records.compilers)


def simulator(runtime: str) -> str | None:
    """Return a runtime's name if it simulates other hardware, otherwise None.

    >>> simulator("tosa"), simulator("litert")
    ('tosa', None)
    """
    return runtime if find_runtime(runtime).simulates else None


def load(location: str, origin: Origin) -> Any:
    """Import the code that a record names.

    Args:
        location: ``"module:attribute"``.
        origin: Origin of the record.

    Raises:
        ImportError: A package is not installed.
        UsageError: The code of another package cannot be imported.
    """
    module, _, attribute = location.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, KeyboardInterrupt):
        raise
    except BaseException as error:  # code of another package may raise anything
        if not origin.distribution:
            raise
        raise UsageError(f"{location} of {origin} cannot be imported: {end_of(error)}") from error


def package_folder(record: RuntimeRecord) -> Path | None:
    """Return the folder of the installed package with a runtime; None for edgecnn's own runtimes.

    Raises:
        UsageError: The runtime's class is not in a package.
    """
    if not record.origin.distribution:
        return None
    spec = importlib.util.find_spec(record.load.partition(":")[0].partition(".")[0])
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"runtime {record.name} of {record.origin} lies in no package: {record.load}")
    return Path(spec.submodule_search_locations[0])


def _find(kind: str, name: str, table: Callable[[Records], Mapping[str, Record]]) -> Record:
    found = table(_own()).get(name) or table(_every()).get(name)
    if found is not None:
        return found
    for problem in problems():
        if name in problem.names:
            raise problem.error
    known = table(_every())
    raise UsageError(
        f"no {kind} is called {name!r}; there are {', '.join(known)}", hint=did_you_mean(name, known)
    )


@cache
def _own() -> Records:
    """Return the records of edgecnn's own backends: the folders here with a module ``backend``."""
    backends = []
    for found in pkgutil.iter_modules([str(Path(__file__).parent)]):
        module = f"{__package__}.{found.name}.backend"
        if found.ispkg and importlib.util.find_spec(module) is not None:
            backends.append(importlib.import_module(module).BACKEND)
    # The records of one folder name those of others, so all are added together.
    together = Backend(
        tuple(record for backend in backends for record in backend.formats),
        tuple(record for backend in backends for record in backend.runtimes),
        tuple(record for backend in backends for record in backend.compilers),
    )
    return _with_backend(Records({}, {}, {}), together, OWN)


@cache
def _every() -> Records:
    """Return the records of all backends; packages follow in the order of their names."""
    return reduce(_with_extension, extensions(BACKENDS), _own())


def _with_extension(known: Records, extension: Extension) -> Records:
    """Return records with those of a package's backend, or with its problem."""
    names = {extension.name}

    def added(backend: Any) -> Records:
        if not isinstance(backend, Backend):
            raise TypeError(f"it is a {type(backend).__name__}, not a Backend")
        names.update(_names(backend))
        return _with_backend(known, backend, extension.origin)

    try:
        return extension.load(added)
    except UsageError as error:
        return replace(known, problems=(*known.problems, BackendProblem(frozenset(names), error)))


def _names(backend: Backend) -> set[str]:
    tables = (backend.formats, backend.runtimes, backend.compilers)
    return {record.name for table in tables for record in table}


def _with_backend(known: Records, backend: Backend, origin: Origin) -> Records:
    """Return records with those of another backend.

    Raises:
        ValueError: They contradict themselves or the existing records; the message says how.
    """
    _require_new_suffixes(known.formats, backend.formats)
    joined = Records(
        _joined("format", known.formats, backend.formats, origin),
        _joined("runtime", known.runtimes, backend.runtimes, origin),
        _joined("compiler", known.compilers, backend.compilers, origin),
        known.problems,
    )
    for form in backend.formats:
        if "int8" in form.precisions and not form.kernels:
            raise ValueError(f"format {form.name!r} has int8 files, but its field kernels is empty")
    _require_code(backend)
    for runtime in backend.runtimes:
        if runtime.ships and origin.distribution:
            raise ValueError(f"runtime {runtime.name!r} ships, but packages hold edgecnn's own runtimes only")
    for form in backend.formats:
        if form.runtime not in joined.runtimes:
            raise ValueError(f"format {form.name!r} names a runtime {form.runtime!r}, which does not exist")
    wanted = {record.name: record.format for record in backend.runtimes}
    wanted |= {record.name: record.format for record in backend.compilers}
    for name, format_name in wanted.items():
        if format_name not in joined.formats:
            raise ValueError(f"{name!r} names a format {format_name!r}, which does not exist")
    return joined


def _require_code(backend: Backend) -> None:
    """Require that every field that locates code is ``"module:attribute"``.

    Raises:
        ValueError: One is not; the message names the field.
    """
    fields = ("load", "kernels", "options", "float_parts", "nominal")
    optional = ("kernels", "nominal")
    records: tuple[Any, ...] = (*backend.formats, *backend.runtimes, *backend.compilers)
    for record in records:
        for name in fields:
            value = getattr(record, name, None)
            if value is None or (value == "" and name in optional):
                continue
            if not isinstance(value, str) or not _LOCATION.fullmatch(value):
                raise ValueError(f"{name} of {record.name!r} is {value!r}, not 'module:name'")


def _joined(
    kind: str, known: Mapping[str, Record], added: Iterable[Record], origin: Origin
) -> dict[str, Record]:
    joined = dict(known)
    for record in added:
        if record.name in joined:
            raise ValueError(f"{kind} {record.name!r} takes a name that exists")
        joined[record.name] = replace(record, origin=origin)
    return joined


def _require_new_suffixes(known: Mapping[str, FormatRecord], added: Iterable[FormatRecord]) -> None:
    taken = {record.suffix: record.name for record in known.values()}
    for record in added:
        if record.suffix in taken:
            raise ValueError(f"format {record.name!r} takes the suffix of format {taken[record.suffix]!r}")
        taken[record.suffix] = record.name
