"""The process between a parent and a program that must not outlive it; :mod:`edgecnn.core.child` starts it.

``python -I -S supervisor.py DESCRIPTOR PROGRAM ARGUMENT...``. The descriptor is the reading end of a pipe
whose writing end only the parent holds. When the parent closes it, or dies in any way, the supervisor kills
the program together with everything that the program has started in its process group. When the program
ends, what it left running is killed too, and the supervisor ends as the program did: with its exit code or by
its signal. If the supervisor itself is killed, Linux kills the program (``PR_SET_PDEATHSIG``, which is set
between fork and exec of a process with one thread).

Every program starts about 20 ms later because of it, so it imports as little as possible.

:mod:`edgecnn.core.fork_server` supervises the processes that it forks by the same function.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_NOT_STARTED = 127


def supervise(watched: int, become: Callable[[], None]) -> int:
    """Fork this process and wait for the end of the other one, which is killed when the parent is gone.

    Call it in the main thread of a process with no other thread.

    Args:
        watched: Descriptor that is at its end when the parent is gone. All others are closed here.
        become: Called in the forked process, which ends when it returns.

    Returns:
        The other process's status as :func:`os.waitpid` returns it.
    """
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    supervisor = os.getpid()
    program = os.fork()
    if program == 0:
        _begin(become, supervisor, (watched, wake, woken))
    try:  # noqa: SIM105 - contextlib would cost another import
        os.setpgid(program, program)
    except OSError:
        pass  # it has done so itself
    _release_streams(watched, wake, woken)
    events = select.poll()
    for descriptor in (watched, wake):
        events.register(descriptor, select.POLLIN)
    while os.waitid(os.P_PID, program, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        ready = [descriptor for descriptor, _ in events.poll()]
        asked = wake in ready and signal.SIGTERM in os.read(wake, 1 << 12)
        if watched in ready or asked:
            _kill_group(program)
            events.unregister(watched) if watched in ready else None
    _kill_group(program)  # what it has left running; its own number is taken until it is waited for
    return os.waitpid(program, 0)[1]


def _begin(become: Callable[[], None], supervisor: int, descriptors: tuple[int, ...]) -> None:
    """Prepare this forked process and let it become the program."""
    try:
        signal.set_wakeup_fd(-1)
        for descriptor in descriptors:
            os.close(descriptor)
        os.setpgid(0, 0)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == supervisor:  # otherwise it was killed before the request
            become()
    finally:
        os._exit(_NOT_STARTED)


def _execute(command: list[str]) -> None:
    """Turn this process into a program."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores these, and programs inherit that
    try:
        os.execvpe(command[0], command, _environment())  # noqa: S606 - there is no shell
    except OSError as error:
        os.write(2, f"{command[0]} cannot be executed: {error.strerror}\n".encode())


def _environment() -> dict[bytes, bytes]:
    """Return the variables with which this process was started: Python may add some of its own."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 - pathlib would cost another import
        items = (item.partition(b"=") for item in file.read().split(b"\0") if item)
        return {name: value for name, _, value in items}


def _release_streams(*kept: int) -> None:
    """Close everything that belongs to the program alone, so that its end is seen at once."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    low = 3
    for descriptor in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        os.closerange(low, descriptor)
        low = descriptor + 1


def _kill_group(leader: int) -> None:
    try:  # noqa: SIM105 - as above
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _end_alike(status: int) -> None:
    """End this process with the exit code or the signal of another one."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)  # the program's own core is enough
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else _NOT_STARTED)


if __name__ == "__main__":
    _end_alike(supervise(int(sys.argv[1]), lambda: _execute(sys.argv[2:])))
