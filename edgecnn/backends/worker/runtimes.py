"""Import of a runtime in a worker, at the location that its parent gives.

Only the parent's records name code; nothing from a model file or a target reaches this module.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, TypeVar

from edgecnn.backends.worker.guarded import GuardedRuntime
from edgecnn.backends.worker.runtime import Runtime, check_memory
from edgecnn.core.errors import MissingDependency, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.worker.runtime import Options
    from edgecnn.backends.worker.runtime_code import RuntimeCode

Base = TypeVar("Base")


def import_runtime(code: RuntimeCode) -> type[Runtime]:
    """Import a runtime's class and its package.

    Raises:
        UsageError: The class is incomplete, or it is another package's and cannot be imported.
        MissingDependency: The runtime's package is not installed.
        MemoryError: There was not enough memory.
    """
    module, _, attribute = code.load.partition(":")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise _missing(code, error) from error
    except (Exception, SystemExit) as error:  # code of other packages may raise anything
        if not code.origin:
            raise
        reason = _reason(error)
        raise UsageError(f"runtime {code.name} of {code.origin} cannot be imported: {reason}") from error
    what = f"runtime {code.name} of {code.origin or 'edgecnn'}"
    return complete(kind, Runtime, what)  # type: ignore[type-abstract]


def complete(kind: object, base: type[Base], what: str) -> type[Base]:
    """Return a class if it is a subclass of ``base`` with all its methods.

    Args:
        kind: The object found under the class's name.
        base: The abstract class.
        what: Name of the class in messages.

    Raises:
        UsageError: The class is incomplete; the message names what is missing.
    """
    if not isinstance(kind, type) or not issubclass(kind, base):
        raise UsageError(f"{what} is no subclass of {base.__module__}.{base.__name__}")
    lacking = sorted(getattr(kind, "__abstractmethods__", ()))
    if lacking:
        raise UsageError(f"{what} has no method {', '.join(lacking)}")
    return kind


def open_runtime(code: RuntimeCode, model: Path, options: Options) -> Runtime:
    """Import a runtime and open a model in it.

    Raises:
        UsageError: The runtime has no such option.
        MissingDependency: Its package, or one that it imports on opening, is not installed.
        InputError: The file is not a model that the runtime can run.
        MemoryError: There was not enough memory.
        WorkerError: The runtime of another package raised something else.
    """
    kind = import_runtime(code)
    try:
        return GuardedRuntime(kind, code, model, options) if code.origin else kind.open(model, options)
    except ImportError as error:
        raise _missing(code, error) from error


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "it ends the program"
    return " ".join(str(error).split())[:300] or type(error).__name__


def _missing(code: RuntimeCode, error: ImportError) -> MissingDependency:
    check_memory(error)
    return MissingDependency(
        f"runtime {code.name} needs the package {code.distribution}: {error}", hint=code.install
    )
