"""The environment variables that a user's code has read while a network was built and run.

``os.environ`` is replaced by an object that remembers who read what. A variable that the code itself reads
belongs to the network: with another value, a checkpoint may be rebuilt as another network. What a library
reads for that code (a folder of downloads, a configuration) is only a reason to make the network again.
Unknown stay variables that compiled code reads, that a library reads while it is imported, and that programs
read which the code starts.
"""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.core.process import quiet_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import CodeType, FrameType

    from edgecnn.models.spec import OwnCode

WHOLE = "*"
"""The name under which all variables together are recorded, where code goes through all of them."""

_FORWARDING = ("os", "_collections_abc", "collections.abc")
"""Modules through which a variable is read: they are not its readers."""

_SET_BY_US = frozenset(
    {
        *quiet_environment(),
        *("TMPDIR", "OMP_NUM_THREADS", "MKL_NUM_THREADS"),
        *("RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "ROLE_NAME", "WORLD_SIZE", "LOCAL_WORLD_SIZE"),
        *("GROUP_WORLD_SIZE", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
    }
)
"""Variables that differ between the processes of one run."""

_SET_BY_SHELLS = frozenset({"_", "SHLVL", "PWD", "OLDPWD", "COLUMNS", "LINES", "PYTEST_CURRENT_TEST"})
"""Variables that differ from command to command; left out where all are recorded together."""

_watches: list[VariableWatch] = []
"""The object that is told of every variable that this process reads."""

_first: dict[str, str] = {}
"""Digests of the values that variables of checkpoints had when this process first looked at them."""


class VariableWatch:
    """The variables that are read after this object was made, and by which modules.

    Args:
        is_users: Returns whether a file of code is the user's own.
    """

    def __init__(self, is_users: Callable[[str], bool]) -> None:
        self._is_users = is_users
        self._given = dict(os.environ)
        self._readers: dict[str, set[tuple[str, bool]]] = {}
        self._go_through_all: set[CodeType] = set()
        _watches[:] = [self]
        for environment in (os.environ, os.environb):
            environment.__class__ = _Watched

    def was_read(self, name: str, frame: FrameType | None) -> None:
        """Remember the code that reads a variable, with whether it does so itself.

        Args:
            name: The variable, or :data:`WHOLE`.
            frame: The code that asked for it.
        """
        itself, readers = True, self._readers.setdefault(name, set())
        # The values that a function reads while it goes through all variables are those of WHOLE.
        while frame is not None:
            module, file = str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename
            top = module.partition(".")[0]
            if top == "edgecnn" or file.startswith("<frozen importlib"):
                return
            if self._is_users(file):
                if name == WHOLE:
                    self._go_through_all.add(frame.f_code)
                if name == WHOLE or frame.f_code not in self._go_through_all:
                    readers.add(("", itself))
                return
            if module not in _FORWARDING:
                readers.add((top, itself))
                itself = False
            frame = frame.f_back

    def found(self, named: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return digests of the variables that the user's code has read itself, and through libraries.

        The values are those of the time when this object was made; a variable that was not set has none.

        Args:
            named: The package that the user named: it counts as his own code if it is an installed one, too.
        """
        own: dict[str, str] = {}
        others: dict[str, str] = {}
        for name, readers in sorted(self._readers.items()):
            users = {itself for top, itself in readers if top in ("", named)}
            if users and name not in _SET_BY_US and name.isprintable():
                (own if True in users and name != WHOLE else others)[name] = _digest(name, self._given)
        return own, others


class _Watched(os._Environ[Any]):
    """The environment, which also tells the watch what is read."""

    __slots__ = ()  # the class of an object can only become one of the same layout

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str | bytes):
            _tell(os.fsdecode(key))
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        _tell(WHOLE)
        return super().__iter__()


def _tell(name: str) -> None:
    for watch in _watches:
        watch.was_read(name, sys._getframe(2))


def _digest(name: str, environment: Mapping[str, str]) -> str:
    """Return the SHA-256 of a variable's value, or of all variables; empty for one that is not set."""
    if name == WHOLE:
        kept = sorted(environment.keys() - _SET_BY_US - _SET_BY_SHELLS)
        text = "\0".join(f"{one}={environment[one]}" for one in kept)
    elif name in environment:
        text = environment[name]
    else:
        return ""
    return hashlib.sha256(os.fsencode(text)).hexdigest()


def require_same_variables(code: OwnCode, checkpoint: Path) -> None:
    """Refuse a checkpoint whose code has read another value of an environment variable.

    Call it before the network is built, whose code may set variables itself: what this process was started
    with counts as well as what it has now.

    Raises:
        InputError: A variable has another value than when the checkpoint was made.
    """
    for name, digest in code.variables.items():
        now = _digest(name, os.environ)
        if digest not in (now, _first.setdefault(name, now)):
            raise InputError(
                f"the environment variable {name}, which the code of this network reads, "
                f"has another value than when {checkpoint} was made",
                hint=f"give {name} the value that it had then, or run again, which builds the network anew"
                if digest
                else f"unset {name}, or run again, which builds the network anew",
            )
