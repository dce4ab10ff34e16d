"""Errors that a user can act on: one line, a hint, an exit code.

Everything that can go wrong because of the user's input, files or machine is raised as an
:class:`EdgecnnError`. The command line prints its message and hint and exits with its code; any
other exception is a bug in edgecnn and exits with 1 and a traceback.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, ClassVar

from edgecnn.ondevice.failure import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MACHINE_FAULTS = {
    errno.EIO: "the disk reports an error",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission denied",
    errno.EROFS: "the file system is read-only",
}
_NAME_FAULTS = {
    errno.ENAMETOOLONG: "the name is longer than the file system allows",
    errno.ELOOP: "the symbolic links lead in a circle",
    errno.ENOTDIR: "a part of this path is a file and no folder",
}
_LONGEST_PATH = 160
_MAKE_ROOM = "free space or choose another folder, then run again"


class EdgecnnError(Exception):
    """Base of every error that a user can act on.

    Args:
        message: One line that says what is wrong, with the wrong name or number. What it quotes of a file may
            be of any length: long messages are shortened.
        hint: One line that says what to do, if known.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = shortened(message)
        self.hint = None if hint is None else shortened(hint)
        super().__init__(self.message)

    def to_json(self) -> dict[str, str | int | None]:
        """Return the error as plain data for other processes and ``--json``."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "hint": self.hint,
            "exit_code": self.exit_code,
        }


class UsageError(EdgecnnError):
    """The command line or a configuration file names something that does not exist."""


class InputError(EdgecnnError):
    """A given file, image, dataset or model cannot be used."""


class MachineFault(InputError):
    """The machine cannot store data: a full disk, or a folder without permission."""


class DamagedEntry(MachineFault):
    """The files of a finished step are not those that it made; the step has to be made again."""


class MixedRun(InputError):
    """What was read of a run is not of one publication, as when another process publishes meanwhile."""


class BudgetMissed(EdgecnnError):
    """A measured value exceeds its budget, so nothing ships."""

    exit_code = 3


class VerificationFailed(EdgecnnError):
    """A link of the verification chain is broken: the exported file does not match the trained model."""

    exit_code = 4


class MissingDependency(EdgecnnError):
    """A package or a tool is not installed; the hint holds the command that installs it."""

    exit_code = 5


class WorkerError(EdgecnnError):
    """A child process crashed, timed out or ran out of memory; the message says which."""

    exit_code = 4


@contextlib.contextmanager
def hinting(hint: str) -> Iterator[None]:
    """Give an error of the block this hint, if it has none: what reads a file does not know its purpose."""
    try:
        yield
    except EdgecnnError as error:
        error.hint = error.hint or hint
        raise


_KINDS = (
    UsageError,
    InputError,
    MachineFault,
    DamagedEntry,
    MixedRun,
    BudgetMissed,
    VerificationFailed,
    MissingDependency,
)
_BY_NAME: dict[str, type[EdgecnnError]] = {kind.__name__: kind for kind in (*_KINDS, WorkerError)}


def from_json(data: dict[str, str | int | None]) -> EdgecnnError:
    """Rebuild an error that a child process reported with :meth:`EdgecnnError.to_json`."""
    kind = _BY_NAME.get(str(data.get("error")), EdgecnnError)
    hint = data.get("hint")
    return kind(str(data.get("message")), hint=None if hint is None else str(hint))


def machine_fault(error: OSError) -> InputError:
    """Return an error of the machine's storage, or of a path that cannot exist; raise any other again."""
    where = f"{_shortened(os.fsdecode(error.filename))}: " if error.filename else ""
    if error.errno in _NAME_FAULTS:
        return InputError(f"{where}{_NAME_FAULTS[error.errno]}", hint="give another path")
    reason = _MACHINE_FAULTS.get(error.errno or 0)
    if reason is None:
        raise error
    return MachineFault(f"{where}{reason}", hint=f"nothing that was finished is lost; {_MAKE_ROOM}")


def system_fault(error: OSError, place: object = None) -> InputError:
    """Return the error of the machine's storage, or that of a file or folder that cannot be used.

    Args:
        error: What the system reported.
        place: The file or folder, where the system names none.
    """
    if error.errno in _MACHINE_FAULTS:
        return machine_fault(error)
    return InputError(f"{error.filename or place or 'a file'}: {error.strerror or error}")


def not_written(place: object, error: OSError, hint: str = _MAKE_ROOM) -> MachineFault:
    """Return the error of a file or folder that could not be written.

    Args:
        place: The file or folder as the user knows it.
        error: What the system reported.
        hint: What to do.
    """
    return MachineFault(f"{place} cannot be written: {error.strerror or error}", hint=hint)


def _shortened(path: str) -> str:
    return (
        path if len(path) <= _LONGEST_PATH else f"{path[: _LONGEST_PATH // 2]}…{path[-_LONGEST_PATH // 2 :]}"
    )


def together(errors: Sequence[EdgecnnError]) -> EdgecnnError:
    r"""Return the error that reports all of these: the only one, or one of its kind with a line for each.

    >>> together([UsageError("a.yaml:1: one"), UsageError("a.yaml:2: two", hint="meant too?")]).message
    'a.yaml:1: one\na.yaml:2: two; meant too?'
    """
    lines = dict.fromkeys(f"{error}; {error.hint}" if error.hint else str(error) for error in errors)
    return errors[0] if len(lines) == 1 else type(errors[0])("\n".join(lines))
