"""A process that has imported libraries once, and from which child processes are forked that need them.

``python -P -m edgecnn.core.fork_server DESCRIPTOR MODULE...``. The descriptor is a socket, whose other end
:class:`edgecnn.core.warm.ForkServer` holds. The server imports the modules, and does nothing else: no
computation, no user's code. A process with more than one thread cannot be forked safely, and one that uses a
GPU neither. So the server looks before each fork, and refuses if that is the case; the caller then starts a
process of the usual kind.

A request is one byte with open files attached: a socket that the requester keeps open as long as the child
may live, then the child's standard input, output and error, and its pipe to the requester. Two
messages answer on that socket: :class:`Started`, and then :class:`Ended`.

Between server and child stands the same supervisor as for any child (:mod:`edgecnn.core.supervisor`), which
is forked from the server too. Children therefore outlive the server, but not the requester.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import socket
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

from edgecnn.core.process import main as answer_request
from edgecnn.core.supervisor import supervise

_MOST_DESCRIPTORS = 5
_PREPARED = ("numpy", "edgecnn.core.documents.arguments")
"""What almost every child imports."""


@dataclass(frozen=True)
class Started:
    """First answer to a request.

    Attributes:
        refused: Reason why there is no child; empty if there is one.
        cpu_s: CPU time that the server has spent since the request before, in seconds: its imports.
    """

    refused: str
    cpu_s: float


@dataclass(frozen=True)
class Ended:
    """Second answer to a request.

    Attributes:
        code: The child's exit code, negative for a signal.
    """

    code: int


def _serve(control: socket.socket, modules: list[str]) -> None:
    """Import the modules and fork a child for each request, until the requester is gone."""
    refused = _prepare(modules)
    charged = 0.0
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, _MOST_DESCRIPTORS)
        if not message:
            return
        with socket.socket(fileno=descriptors[0]) as life:
            spent = time.process_time()
            reason = refused or _unsafe()
            _say(life, Started(reason, spent - charged))
            charged = spent
            if not reason and os.fork() == 0:
                _supervise(control, life, descriptors[1:])
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        _reap(os.WNOHANG)


def _prepare(modules: list[str]) -> str:
    """Import modules; return the reason if that fails."""
    try:
        for name in (*_PREPARED, *modules):
            importlib.import_module(name)
    except Exception as error:  # noqa: BLE001  the child meets the same error, and says what it means
        return f"{name} cannot be imported: {type(error).__name__}: {error}"
    # OpenBLAS starts threads with numpy, ends them before a fork, and starts them again when they are needed.
    first = os.fork()
    if first == 0:
        os._exit(0)
    os.waitpid(first, 0)
    gc.collect()
    gc.freeze()  # so that collections in children do not touch, and thereby copy, all of its memory
    return ""


def _unsafe() -> str:
    """Return the reason why this process must not be forked; empty if it may."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        return f"its imports have started {threads - 1} threads"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "its imports use a GPU"
    return ""


def _supervise(control: socket.socket, life: socket.socket, streams: list[int]) -> None:
    """Be the supervisor of a child; this forked process ends here."""
    try:
        os.setpgid(0, 0)  # what ends the server must not end it
        status = supervise(life.fileno(), lambda: _become_child(control, streams))
        _say(life, Ended(os.waitstatus_to_exitcode(status)))
    finally:
        os._exit(0)


def _become_child(control: socket.socket, streams: list[int]) -> None:
    """Answer the request on standard input as a process that was started for it."""
    control.close()
    for number, stream in enumerate(streams[:3]):
        os.dup2(stream, number)
        os.close(stream)
    importlib.invalidate_caches()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # Python's own generator does so itself, and torch's starts alike
    try:
        answer_request(*streams[3:])
    except BaseException:  # noqa: BLE001  such as SystemExit: this is the end of the process
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _say(life: socket.socket, what: Started | Ended) -> None:
    try:
        life.sendall(json.dumps(asdict(what)).encode() + b"\n", socket.MSG_NOSIGNAL)
    except OSError:
        return  # nobody waits for it


def _reap(options: int) -> None:
    """Take note of the supervisors that have ended: all of them, or with ``WNOHANG`` those of now."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, options)[0]:
            pass


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        _serve(requests, sys.argv[2:])
    _reap(0)
    os._exit(0)
