"""A look at the code of all backends of other packages, for those who ask whether it can be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends import registry
from edgecnn.backends.formats import load_format, missing
from edgecnn.backends.worker.runtimes import import_runtime
from edgecnn.core.errors import EdgecnnError, MissingDependency, UsageError
from edgecnn.core.foreign_code import end_of

if TYPE_CHECKING:
    from edgecnn.backends.records import CompilerRecord, FormatRecord, RuntimeRecord
    from edgecnn.core.entry_points import Origin

_LOCATIONS = ("kernels", "options", "float_parts", "nominal")


@dataclass(frozen=True)
class InstalledRecord:
    """A format, runtime or compiler of another package.

    Attributes:
        what: Its kind and name, such as ``format toy``.
        origin: The package.
        problem: Why it cannot be used; None if nothing is known against it.
    """

    what: str
    origin: Origin
    problem: EdgecnnError | None


def installed_records() -> tuple[InstalledRecord, ...]:
    """Import the classes of all backends of other packages, and tell which lack something.

    Backends whose records cannot be used are not among them: :func:`edgecnn.backends.registry.problems`
    returns those. A runtime with an environment of its own is not imported.
    """
    return (
        *(_format(record) for record in registry.formats().values() if record.origin.distribution),
        *(_runtime(record) for record in registry.runtimes().values() if record.origin.distribution),
        *(_compiler(record) for record in registry.compilers().values() if record.origin.distribution),
    )


def _format(record: FormatRecord) -> InstalledRecord:
    problem: EdgecnnError | None = None
    try:
        _make(record)
        _load_others(record)
    except ImportError as error:
        problem = missing(record.name, error)
    except EdgecnnError as error:
        problem = error
    return InstalledRecord(f"format {record.name}", record.origin, problem)


def _make(record: FormatRecord) -> None:
    try:
        load_format(record.name)
    except (EdgecnnError, ImportError, KeyboardInterrupt):
        raise
    except BaseException as error:  # code of another package may raise anything
        raise UsageError(
            f"format {record.name} of {record.origin} cannot be used: {end_of(error)}"
        ) from error


def _runtime(record: RuntimeRecord) -> InstalledRecord:
    problem: EdgecnnError | None = None
    try:
        registry.package_folder(record)
        if record.toolchain is None:
            import_runtime(record.code)
        _load_others(record)
    except EdgecnnError as error:
        problem = error
    except ImportError as error:
        problem = MissingDependency(f"runtime {record.name} of {record.origin} needs a package: {error}")
    return InstalledRecord(f"runtime {record.name}", record.origin, problem)


def _compiler(record: CompilerRecord) -> InstalledRecord:
    problem: EdgecnnError | None = None
    try:
        kind = registry.load(record.load, record.origin)
        if not hasattr(kind, "compile") and isinstance(kind, type):
            problem = UsageError(f"compiler {record.name} of {record.origin} has no method compile")
        _load_others(record)
    except EdgecnnError as error:
        problem = error
    except ImportError as error:
        problem = MissingDependency(f"compiler {record.name} of {record.origin} needs a package: {error}")
    return InstalledRecord(f"compiler {record.name}", record.origin, problem)


def _load_others(record: FormatRecord | RuntimeRecord | CompilerRecord) -> None:
    """Import the further code that a record names."""
    for name in _LOCATIONS:
        location = getattr(record, name, None)
        if location:
            registry.load(location, record.origin)
