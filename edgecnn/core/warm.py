"""Warm processes of a run: child processes that are forked from a process with their libraries imported.

Inside :func:`warm_processes`, :func:`edgecnn.core.process.call` forks its children from one of two servers
(:mod:`edgecnn.core.fork_server`): one has imported what every child needs, the other also PyTorch and the
library of the run's network. A server starts with the first child that needs it and ends with the block,
the larger one earlier where no later child needs it (:func:`end_torch_server`).
Everywhere else, and wherever a server cannot be used, a child is a process that imports for itself.

A child of a server computes the same as such a process: a server is started anew where environment, working
directory or usable cores have changed, and never imports the user's own code.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
import weakref
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from edgecnn.core.child import Child, join_group
from edgecnn.core.named_code import names_of_user
from edgecnn.ondevice.json_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_SHARED = ("timm", "torchvision")
"""Libraries of networks that start no threads when they are imported."""

_GRACE_S = 5.0
_MOST_MESSAGE_BYTES = 1 << 12


@dataclass(frozen=True)
class Finished:
    """The end of a child process.

    Attributes:
        code: Its exit code, negative for a signal.
        answer: What it wrote to standard output.
        cpu_s: CPU time in seconds that its server has spent for it.
    """

    code: int
    answer: bytes
    cpu_s: float = 0.0


@contextlib.contextmanager
def warm_processes(packages: Collection[str] = ()) -> Iterator[None]:
    """Fork the child processes of a block from processes that have imported their libraries.

    A block within another one uses the same processes.

    Args:
        packages: What the run's network is made of. Of these, timm and torchvision are imported beside
            PyTorch, except where the user has named code of their own: what that code imports must be seen.
    """
    if sys.platform != "linux":
        yield
        return
    if (outer := _SERVERS.get()) is not None:
        with outer.shared():
            yield
        return
    servers = _Servers([] if names_of_user() else [name for name in _SHARED if name in packages])
    token = _SERVERS.set(servers)
    try:
        yield
    finally:
        _SERVERS.reset(token)
        servers.close()


def end_torch_server() -> None:
    """End the server of this block that has imported PyTorch, and free its memory of about 550 MB.

    A later child that needs it starts another one. Where the block is within another one, the server stays.
    """
    servers = _SERVERS.get()
    if servers is not None and not servers.inner_blocks:
        servers.end(torch=True)


@dataclass(frozen=True)
class Job:
    """A request of :mod:`edgecnn.core.process` and the circumstances of its child.

    Attributes:
        request: The request's text.
        variables: All variables of the child's environment.
        sink: The child's log, and its server's if that is started for it.
        pipe: The child's end of its pipe, through which it says what it does.
        timeout_s: Time limit in seconds.
    """

    request: bytes
    variables: Mapping[str, str]
    sink: IO[bytes]
    pipe: int
    timeout_s: float


def fork_child(job: Job, *, torch: bool) -> Finished | None:
    """Do a job in a forked process.

    Args:
        job: The job.
        torch: Whether it imports PyTorch.

    Returns:
        The child's end; None if no server can be used, and no child was made.

    Raises:
        subprocess.TimeoutExpired: It did not end in time and was killed.
    """
    servers = _SERVERS.get()
    if servers is None or resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        return None
    for _ in range(2):  # once more where a server has died since its last child
        server = servers.take(job, torch=torch)
        if server is None:
            return None
        finished = server.fork(job)
        if finished is not None:
            return finished
        servers.drop(server, torch=torch)
    return None


class _Servers:
    """The servers of a block, by whether they import PyTorch.

    Attributes:
        inner_blocks: Number of blocks inside this one that are running now.
    """

    def __init__(self, libraries: Sequence[str]) -> None:
        self._modules: dict[bool, Sequence[str]] = {False: (), True: (*libraries, "torch")}
        self._running: dict[bool, _Server] = {}
        self._given_up: set[bool] = set()
        self._lock = threading.Lock()
        self.inner_blocks = 0

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Count a block within the one that these servers are of."""
        self.inner_blocks += 1
        try:
            yield
        finally:
            self.inner_blocks -= 1

    def take(self, job: Job, *, torch: bool) -> _Server | None:
        """Return a server that is as a process would be that were started now; None if there can be none."""
        with self._lock:
            if torch in self._given_up:
                return None
            try:
                server = self._running.get(torch)
                if server is None or server.circumstances != _circumstances(job):
                    self._end(torch)
                    server = self._running[torch] = _Server(self._modules[torch], job)
            except OSError as error:
                self._give_up(str(error), torch=torch)
                return None
            return server

    def drop(self, server: _Server, *, torch: bool) -> None:
        """End a server that made no child; one that has never made any has no successor."""
        with self._lock:
            if self._running.get(torch) is server:
                self._end(torch)
            if server.refused or not server.has_forked:
                self._give_up(server.refused or "the process that imports them has died", torch=torch)

    def end(self, *, torch: bool) -> None:
        """End one of the servers if it is running."""
        with self._lock:
            self._end(torch)

    def close(self) -> None:
        """End all servers."""
        with self._lock:
            for torch in list(self._running):
                self._end(torch)

    def _end(self, torch: bool) -> None:
        server = self._running.pop(torch, None)
        if server is not None:
            server.close()

    def _give_up(self, reason: str, *, torch: bool) -> None:
        if torch not in self._given_up:
            self._given_up.add(torch)
            warnings.warn(
                f"every step imports its libraries for itself, which takes longer: {reason}",
                RuntimeWarning,
                stacklevel=2,
            )


class _Server:
    """A running :mod:`edgecnn.core.fork_server`.

    Attributes:
        circumstances: Everything that its children inherit.
        has_forked: Whether it has made a child.
        refused: Reason why it makes none; empty if it does or has not said so.
    """

    def __init__(self, modules: Sequence[str], job: Job) -> None:
        self.circumstances = _circumstances(job)
        self.has_forked = False
        self.refused = ""
        _memory_file().close()  # where there are none, no server is of use
        self._control, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = Child(
                    [sys.executable, "-P", "-m", "edgecnn.core.fork_server", str(theirs.fileno()), *modules],
                    stdout=job.sink,
                    stderr=job.sink,
                    env=job.variables,
                    pass_fds=(theirs.fileno(),),
                )
            except BaseException:
                self._control.close()
                raise

    def fork(self, job: Job) -> Finished | None:
        """Do a job in a child; None if the server makes none."""
        with contextlib.ExitStack() as files:
            given, answer = (files.enter_context(_memory_file()) for _ in range(2))
            given.write(job.request)
            given.seek(0)
            life, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            files.enter_context(life)
            with theirs:
                streams = [file.fileno() for file in (theirs, given, answer, job.sink)]
                try:
                    socket.send_fds(self._control, [b"!"], [*streams, job.pipe])
                except OSError:
                    return None
            ended = self._follow(life, job.timeout_s)
            if ended is None:
                return None
            answer.seek(0)
            return Finished(ended[0], answer.read(), ended[1])

    def _follow(self, life: socket.socket, timeout_s: float) -> tuple[int, float] | None:
        """Wait for a child; return its exit code and what the server has spent, in seconds of CPU time."""
        ends_at = time.monotonic() + timeout_s
        running = False
        try:
            started = _receive(life, ends_at)
            self.refused = started["refused"] if started is not None else ""
            if started is None or self.refused:
                return None
            running = self.has_forked = True
            join_group(life, partial(_let_go, weakref.ref(life)))
            ended = _receive(life, ends_at)
        except BaseException as error:
            if running:
                _end_child(life)
            else:
                self._process.kill()
            if isinstance(error, TimeoutError):
                raise subprocess.TimeoutExpired("child", timeout_s) from None
            raise
        return -signal.SIGKILL if ended is None else ended["code"], started["cpu_s"]

    def close(self) -> None:
        """End the server; its children go on."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S)  # so that the system counts what its children have cost
        self._process.kill()
        self._process.wait()


def _circumstances(job: Job) -> tuple[dict[str, str], str, set[int]]:
    return dict(job.variables), os.getcwd(), os.sched_getaffinity(0)  # noqa: PTH109  text is enough


def _memory_file() -> IO[bytes]:
    return os.fdopen(os.memfd_create("edgecnn"), "w+b")


def _receive(life: socket.socket, ends_at: float) -> dict[str, Any] | None:
    """Return the next message; None if the other side is gone."""
    life.settimeout(max(0.001, ends_at - time.monotonic()))
    try:
        message = life.recv(_MOST_MESSAGE_BYTES)
    except ConnectionError:
        return None
    return parse_json(message, most=_MOST_MESSAGE_BYTES, wire=True) if message else None


def _let_go(life: weakref.ref[socket.socket]) -> None:
    """Have a child killed that another thread waits for."""
    with contextlib.suppress(OSError):  # it has ended
        if (open_life := life()) is not None:
            open_life.shutdown(socket.SHUT_WR)


def _end_child(life: socket.socket) -> None:
    """Have a child killed, and wait until it is."""
    life.shutdown(socket.SHUT_WR)
    with contextlib.suppress(TimeoutError):
        _receive(life, time.monotonic() + _GRACE_S)


_SERVERS: ContextVar[_Servers | None] = ContextVar("servers", default=None)
