"""Child processes that never outlive their parent; no other module starts a process.

Between parent and program stands a supervisor, :mod:`edgecnn.core.supervisor`, which kills the program when
the parent closes a pipe or dies. Elsewhere than on Linux the program is started directly.

Only the standard library is imported here: workers in other environments start processes too.

Threads that start children beside each other do so inside :meth:`ChildGroup.joined`, so that another thread
can end what all of them wait for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import weakref
from contextvars import ContextVar
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Stream = int | IO[bytes] | None

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_PYTHON = sys.executable
_GRACE_S = 2.0


class ChildGroup:
    """The children of several threads, which another thread can end all at once."""

    def __init__(self) -> None:
        self._ends: weakref.WeakKeyDictionary[object, Callable[[], None]] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._ended = False

    @contextlib.contextmanager
    def joined(self) -> Iterator[None]:
        """Let the children that this thread starts in the block belong to the group."""
        token = _GROUP.set(self)
        try:
            yield
        finally:
            _GROUP.reset(token)

    def add(self, child: object, end: Callable[[], None]) -> None:
        """Add a running child.

        Args:
            child: What stands for it; it leaves the group when nobody has this any more.
            end: Ends it, also from another thread; harmless if it has ended.

        Raises:
            KeyboardInterrupt: The group has ended, and so has the child.
        """
        with self._lock:
            if not self._ended:
                self._ends[child] = end
                return
        end()
        raise KeyboardInterrupt

    def check(self) -> None:
        """Interrupt a thread that works without a child.

        Raises:
            KeyboardInterrupt: The group has ended.
        """
        if self._ended:
            raise KeyboardInterrupt

    def end(self) -> None:
        """End all children of the group, and each that is started from now on."""
        with self._lock:
            self._ended = True
            ends = list(self._ends.values())
        for end in ends:
            end()


_GROUP: ContextVar[ChildGroup | None] = ContextVar("group", default=None)


def join_group(child: object, end: Callable[[], None]) -> None:
    """Add a child to the group of this thread, where there is one (:meth:`ChildGroup.add`)."""
    group = _GROUP.get()
    if group is not None:
        group.add(child, end)


class Child(subprocess.Popen[bytes]):
    """A running program, which ends when this process does.

    Args:
        command: Program and arguments.
        stdin: Its standard input, as :class:`subprocess.Popen` takes it; empty by default.
        stdout: Its standard output.
        stderr: Its standard error.
        env: All its variables; None for those of this process.
        cwd: Its working directory.
        pass_fds: Further open files that it inherits.

    Raises:
        FileNotFoundError: There is no such program, or it cannot be executed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = None,
        stderr: Stream = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._life = -1
        path = (os.environ if env is None else env).get("PATH")
        if shutil.which(command[0], path=path) is None:
            raise FileNotFoundError(f"there is no program {command[0]}")
        watched, life = os.pipe()
        supervisor = [_PYTHON, "-I", "-S", str(_SUPERVISOR.absolute()), str(watched)]
        supervised = sys.platform == "linux"
        try:
            super().__init__(
                [*supervisor, *command] if supervised else command,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=env,
                cwd=cwd,
                pass_fds=(*pass_fds, watched) if supervised else pass_fds,
                # Ctrl-C in a terminal reaches this process alone, which then ends its children.
                process_group=0,
            )
        except BaseException:
            os.close(life)
            raise
        finally:
            os.close(watched)
        self._life = life
        ending = weakref.ref(self)
        try:
            join_group(self, lambda: child.terminate() if (child := ending()) is not None else None)
        except KeyboardInterrupt:
            self.kill()
            raise

    def kill(self) -> None:
        """End the program and everything that it started; harmless if it has already ended."""
        self._let_go()
        if self.returncode is None:
            try:
                self.wait(_GRACE_S if sys.platform == "linux" else 0.0)
            except subprocess.TimeoutExpired:
                super().kill()

    def _let_go(self) -> None:
        if self._life >= 0:
            os.close(self._life)
            self._life = -1

    def __exit__(self, *error: object) -> None:
        try:
            super().__exit__(*error)  # type: ignore[arg-type]  # passed on as they came
        finally:
            self._let_go()

    def __del__(self) -> None:
        self._let_go()
        super().__del__()


def run(
    command: Sequence[str],
    *,
    timeout: float,
    stdin: Stream = subprocess.DEVNULL,
    given: bytes | None = None,
    stdout: Stream = None,
    stderr: Stream = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end and return its exit code and its captured output.

    Args:
        command: Program and arguments.
        timeout: Time limit in seconds.
        stdin: Its standard input; empty by default.
        given: Bytes that it reads from its standard input in place of ``stdin``.
        stdout: Its standard output; ``subprocess.PIPE`` to capture it.
        stderr: Its standard error, likewise.
        env: All its variables; None for those of this process.
        cwd: Its working directory.
        pass_fds: Further open files that it inherits.

    Raises:
        FileNotFoundError: There is no such program.
        subprocess.TimeoutExpired: It did not end in time and was killed.
    """
    source = stdin if given is None else subprocess.PIPE
    with Child(
        command, stdin=source, stdout=stdout, stderr=stderr, env=env, cwd=cwd, pass_fds=pass_fds
    ) as child:
        try:
            out, err = child.communicate(given, timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            raise subprocess.TimeoutExpired(list(command), timeout) from None
        except BaseException:  # such as Ctrl-C
            child.kill()
            raise
    return subprocess.CompletedProcess(list(command), child.returncode, out, err)
