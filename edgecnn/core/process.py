"""Child processes for vendor code, whose crashes, hangs or memory use do not affect the parent.

A child is ``python -m edgecnn.core.process``: it reads one JSON request (an entry point and its argument)
from standard input, calls the entry point, and writes one JSON answer to a private copy of standard output.
Whatever the vendor's libraries print goes to a log file.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from edgecnn.core.child import run
from edgecnn.core.computing import compute_threads
from edgecnn.core.doing import Heard, pipe_to, speak_to, tell_progress
from edgecnn.core.errors import EdgecnnError, WorkerError, from_json, machine_fault
from edgecnn.core.named_code import named_by_user, names_of_user
from edgecnn.core.this_process import limit_memory, peak_memory_bytes, private_stdout
from edgecnn.core.warm import Finished, Job, fork_child
from edgecnn.ondevice.json_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _typeshed import DataclassInstance
    from pydantic import BaseModel, JsonValue

T = TypeVar("T")

DEFAULT_TIMEOUT_S = 3600.0
"""Limit on the time of a child, in seconds. Searches over layers, ranges and channels take minutes; one that
has not ended after an hour never would, or its network is too large for the machine."""

FOREIGN_BYTES = 12 << 30
"""Address space of a child that reads a model file from elsewhere, besides that for its weights: libraries
reserve up to 4 GiB, and each of two runtimes may need 4 GiB for the tensors of one image."""

_THREAD_BYTES = 160 << 20
"""Address space that a thread reserves: an arena of glibc, twice its size until aligned, and a stack."""

_COPIES = 8
"""Copies of a model's weights that a child may hold: bytes, a library's objects, and sessions of them."""

_LOG_TAIL_BYTES = 4000
_MESSAGE_CHARACTERS = 300
_TRACEBACK = "Traceback (most recent call last)"
_OUT_OF_MEMORY_MARKS = ("MemoryError", "std::bad_alloc", "Cannot allocate memory", "out of memory")


@dataclass(frozen=True)
class ChildResult:
    """The result and the costs of a child process.

    Attributes:
        value: Result of the entry point, as JSON.
        wall_s: Wall time from start to exit, imports included, in seconds.
        cpu_s: User plus system CPU time of the child, in seconds.
        peak_bytes: Peak resident memory of the child, in bytes.
    """

    value: JsonValue
    wall_s: float
    cpu_s: float
    peak_bytes: int

    def read(self, kind: type[T]) -> T:
        """Return the result of the entry point as its declared type.

        Raises:
            pydantic.ValidationError: The result has another type.
        """
        from edgecnn.core.documents.arguments import from_plain

        return from_plain(kind, self.value)


def call(
    entry: str,
    argument: DataclassInstance | BaseModel,
    *,
    log: Path,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    memory_bytes: int | None = None,
    environment: dict[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    torch: bool = False,
) -> ChildResult:
    """Call ``entry`` in a child process and return its result.

    Args:
        entry: ``"package.module:function"``. The function's first parameter is annotated with the class of
            its argument; it returns a document, a value that pydantic can convert to JSON, or None.
        argument: An instance of that class, which is a document or made by
            :func:`edgecnn.core.documents.arguments.arguments`. It is passed as JSON, checked by the child,
            and restored as an equal instance.
        log: File for the child's output.
        timeout_s: Time limit in seconds. The error says what the child was doing, in its words
            (:func:`edgecnn.core.doing.say`), and how far it was.
        memory_bytes: Limit on the child's address space, without mapped arrays; None for no limit.
        environment: Variables in addition to the parent's.
        progress: Called from another thread with (done, total). An entry point with a parameter ``progress``
            receives a function of these two numbers.
        torch: Whether the entry point imports PyTorch. In a run (:func:`edgecnn.core.warm.warm_processes`),
            the child is then forked from a process that has.

    Raises:
        EdgecnnError: The error that the entry point raised, rebuilt here.
        BaseException: What ``progress`` raised; the child ends when it next reports.
        WorkerError: The child crashed, timed out or ran out of memory.
    """
    from edgecnn.core.documents.arguments import to_plain

    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    variables = {
        **os.environ,
        **quiet_environment(),
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(compute_threads())),
        **(environment or {}),
    }
    heard = Heard(progress)
    with log.open("ab") as sink, pipe_to(heard) as pipe:
        request = _Request(entry, to_plain(argument), memory_bytes, pipe, names_of_user())
        job = Job(json.dumps(asdict(request)).encode(), variables, sink, pipe, timeout_s)
        log_start = sink.tell()
        try:
            forked = fork_child(job, torch=torch) if environment is None else None
            finished = forked or _start_child(job)
        except subprocess.TimeoutExpired:
            finished = None
    if heard.failure is not None:
        raise heard.failure
    if finished is None:
        raise WorkerError(
            f"{entry} did not finish in {timeout_s:.0f} s and was stopped{heard.while_it_was()}",
            hint=f"a smaller network or fewer images need less time; its log: {log}",
        )
    if finished.code != 0 or not finished.answer:
        death = describe_death(entry, finished.code, log, log_start)
        raise WorkerError(death, hint=_hint_of_death(finished.code, log, log_start))
    document = parse_json(finished.answer, most=len(finished.answer), wire=True)
    if "error" in document:
        raise from_json(document["error"])
    wall_s = time.monotonic() - started
    cpu_s = document["cpu_s"] + finished.cpu_s
    return ChildResult(document["value"], wall_s, cpu_s, document["peak_bytes"])


def _start_child(job: Job) -> Finished:
    """Do a job in a process that is started for it."""
    ended = run(
        # -P: what lies in the working directory cannot take the place of a library.
        [sys.executable, "-P", "-m", "edgecnn.core.process"],
        timeout=job.timeout_s,
        given=job.request,
        stdout=subprocess.PIPE,
        stderr=job.sink,
        env=job.variables,
        pass_fds=(job.pipe,),
    )
    return Finished(ended.returncode, ended.stdout)


@dataclass(frozen=True)
class _Request:
    """The data for a child: entry point, argument as JSON, limits, its end of a pipe, and the user's code."""

    entry: str
    argument: JsonValue
    memory_bytes: int | None
    pipe: int
    named: list[str]


def _call_entry(request: _Request) -> object:
    """Call a request's entry point and return its result."""
    from edgecnn.core.documents.arguments import from_plain

    module, _, name = request.entry.partition(":")
    function = getattr(importlib.import_module(module), name)
    speak_to(request.pipe)
    extra = {"progress": tell_progress} if "progress" in function.__annotations__ else {}
    return function(from_plain(_argument_class(function), request.argument), **extra)


def _argument_class(function: Callable[..., object]) -> type[Any]:
    """Return the class that the first parameter of a function is annotated with."""
    kind: type[Any] = function.__globals__[next(iter(function.__annotations__.values()))]
    return kind


def describe_death(what: str, code: int, log: Path, log_start: int = 0) -> str:
    """Return in one line how a child died: by a signal, by lack of memory, or with an exception.

    Args:
        what: Name of the child in messages.
        code: Its exit code as :mod:`subprocess` gives it: negative for a signal.
        log: Its log.
        log_start: Offset in the log at which this child began to write.
    """
    tail = log_tail(log, start=log_start)
    if code == -signal.SIGKILL:
        return f"{what} was killed (SIGKILL), most likely for lack of memory"
    if any(mark in tail for mark in _OUT_OF_MEMORY_MARKS):
        return f"{what} ran out of memory"
    if code < 0:
        return f"{what} crashed with {signal.Signals(-code).name}"
    last = tail.strip().splitlines()[-1][:_MESSAGE_CHARACTERS] if tail.strip() else "it printed nothing"
    return f"{what} failed with exit code {code}: {last}"


def _hint_of_death(code: int, log: Path, log_start: int) -> str:
    """Return what to do about a death; an exception that nobody expected is a mistake of edgecnn."""
    tail = log_tail(log, start=log_start)
    unexpected = code > 0 and _TRACEBACK in tail and not any(mark in tail for mark in _OUT_OF_MEMORY_MARKS)
    if not unexpected:
        return f"its log: {log}"
    return f"this is a bug of edgecnn: report it to its issue tracker with the log {log}"


def log_tail(log: Path, size: int = _LOG_TAIL_BYTES, *, start: int = 0) -> str:
    """Return the last ``size`` bytes of a log file as text, without anything before ``start``."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(start, file.tell() - size))
        return file.read().decode(errors="replace")


OMP_WAIT_POLICY = "PASSIVE"
"""Idle OpenMP threads sleep instead of spinning. On a machine with other work, spinning threads wait for a
preempted one: training on two cores beside another process fell to 375 images a second, but reached 818 with
sleeping threads."""


def memory_for(*files: Path, many_images: bool = False) -> int:
    """Return the limit on the address space of a child that reads model files from elsewhere, in bytes.

    Args:
        files: The files; names that are no file, such as references of other kinds, have no size.
        many_images: Whether the child holds values of many images at once. It may then need the memory of
            the whole machine, and no more.
    """
    sizes = [os.path.getsize(file) for file in files if os.path.isfile(file)]  # noqa: PTH113, PTH202  names of any length
    computing = FOREIGN_BYTES
    if many_images:
        computing = max(computing, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return computing + _THREAD_BYTES * (os.cpu_count() or 1) + _COPIES * sum(sizes)


def quiet_environment() -> dict[str, str]:
    """Return variables for a child: no vendor messages, no telemetry, no accidental use of a GPU.

    A crash leaves its stack in the log (faulthandler).
    """
    return {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "GLOG_minloglevel": "2",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "JAX_PLATFORMS": "cpu",
        "PYTHONUNBUFFERED": "1",
        "OMP_WAIT_POLICY": OMP_WAIT_POLICY,
        "PYTHONFAULTHANDLER": "1",
    }


def _answer(value: object) -> Any:
    """Return a result as plain data; unlike in files, numbers that are not finite are kept."""
    from pydantic import TypeAdapter

    return TypeAdapter(type(value)).dump_python(value)


def main(pipe: int | None = None) -> None:
    """Answer the request on standard input, in a process that was made for it; the process ends here.

    Args:
        pipe: Descriptor of the pipe to the parent, if it is not the one that the request names.
    """
    request_text = sys.stdin.read()
    request = _Request(**parse_json(request_text, most=len(request_text), wire=True))
    if pipe is not None:
        request = replace(request, pipe=pipe)
    with private_stdout() as channel:
        if request.memory_bytes is not None:
            limit_memory(request.memory_bytes)
        document: dict[str, object]
        try:
            with named_by_user(*request.named):
                value = _call_entry(request)
        except EdgecnnError as error:
            document = {"error": error.to_json()}
        except OSError as error:
            document = {"error": machine_fault(error).to_json()}
        else:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            document = {
                "value": _answer(value),
                "cpu_s": usage.ru_utime + usage.ru_stime,
                "peak_bytes": peak_memory_bytes(),
            }
        channel.write(json.dumps(document, default=str) + "\n")
        channel.flush()
    _leave()


def _leave() -> None:
    """End this process without taking libraries apart, which costs 1.1 to 1.5 s of CPU after PyTorch."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
