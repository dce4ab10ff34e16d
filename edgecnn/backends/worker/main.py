"""The worker: one process, one open model, commands as JSON lines.

``python -m edgecnn.backends.worker.main`` reads one JSON object per line from standard input and answers each
with one line on standard output, which may follow any number of progress lines. The lines are described in
:mod:`edgecnn.backends.worker.messages`. Arrays are exchanged as ``.npy`` files. Output of libraries goes to
standard error. The worker ends at ``close`` or at the end of its input.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from edgecnn.backends.worker.evaluate import evaluate, open_images, select
from edgecnn.backends.worker.messages import (
    Answer,
    Arrays,
    CountRequest,
    Evaluated,
    EvaluateRequest,
    Nothing,
    OpenRequest,
    Question,
    RunRequest,
    SessionCosts,
    Timed,
    TimeRequest,
)
from edgecnn.backends.worker.runtime import Description, Options, Runtime
from edgecnn.backends.worker.runtimes import import_runtime, open_runtime
from edgecnn.backends.worker.timing import time_inferences
from edgecnn.core.array_file import read_array
from edgecnn.core.errors import EdgecnnError, InputError, UsageError, system_fault
from edgecnn.core.this_process import limit_memory, peak_memory_bytes, private_stdout

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.ondevice.documents import PlainDocument
    from edgecnn.ondevice.tensor import Array, TensorInfo


# After these inferences kernels are chosen, weights packed, and Python's byte code is specialized (which
# Python 3.11 does until the twentieth).
_COUNT_WARMUP = 20


class Worker:
    """Executor of commands on one open model.

    Args:
        channel: Receives the answers.
    """

    def __init__(self, channel: IO[str]) -> None:
        self._channel = channel
        self._runtime: Runtime | None = None
        self._import_ns = self._load_ns = 0
        self._commands: dict[str, tuple[type[PlainDocument], Callable[[Any], PlainDocument]]] = {
            "open": (OpenRequest, self._open),
            "evaluate": (EvaluateRequest, self._evaluate),
            "run": (RunRequest, self._run),
            "time": (TimeRequest, self._time),
            "count": (CountRequest, self._count),
            "costs": (Nothing, self._costs),
            "close": (Nothing, self._close),
        }

    def serve(self, lines: IO[str]) -> None:
        """Answer commands until ``close`` or the end of input."""
        for line in lines:
            question = Question.from_text(line, wire=True)
            kind, execute = self._commands[question.command]
            try:
                reply = execute(kind.from_json(question.request, question.command))
                self._send(Answer(value=reply.to_json()))
            except EdgecnnError as error:
                self._send(Answer(error=error.to_json()))
            except OSError as error:
                # A missing scratch directory or a full disk is an error of the user, not a crash.
                self._send(Answer(error=system_fault(error).to_json()))
            if question.command == "close":
                return

    def _send(self, answer: Answer) -> None:
        self._channel.write(json.dumps(answer.to_json()) + "\n")
        self._channel.flush()

    def _opened(self) -> Runtime:
        if self._runtime is None:
            raise UsageError("no model is open in this worker")
        return self._runtime

    def _open(self, request: OpenRequest) -> Description:
        if not Path(request.model).is_file():
            raise InputError(f"there is no model file {request.model}")
        # This comes before the import of the runtime, whose threads inherit the affinity.
        if request.cpus is not None:
            _pin(request.cpus)
        if request.memory_bytes is not None:
            limit_memory(request.memory_bytes)
        started = time.perf_counter_ns()
        import_runtime(request.runtime)
        imported = time.perf_counter_ns()
        options = Options(request.execution, request.threads, request.extra)
        self._runtime = open_runtime(request.runtime, Path(request.model), options)
        self._import_ns, self._load_ns = imported - started, time.perf_counter_ns() - imported
        return self._runtime.describe()

    def _evaluate(self, request: EvaluateRequest) -> Evaluated:
        images = open_images(Path(request.images), request.contract)
        return evaluate(
            self._opened(),
            images,
            select(len(images), request.indices),
            request.contract,
            out=Path(request.out),
            progress=lambda *step: self._send(Answer(progress=step)),
        )

    def _run(self, request: RunRequest) -> Arrays:
        runtime = self._opened()
        expected = runtime.describe().inputs
        if len(request.inputs) != len(expected):
            raise InputError(f"the model has {len(expected)} inputs, not {len(request.inputs)}")
        arrays = [_load(Path(path), info) for path, info in zip(request.inputs, expected, strict=True)]
        files = []
        for index, result in enumerate(runtime.run(arrays)):
            files.append(f"{request.out}/result_{index}.npy")
            np.save(files[-1], result, allow_pickle=False)
        return Arrays(tuple(files))

    def _time(self, request: TimeRequest) -> Timed:
        runtime, inputs = self._warm(request.warmup)
        return time_inferences(runtime, inputs, request.iterations)

    def _count(self, request: CountRequest) -> Nothing:
        runtime, inputs = self._warm(_COUNT_WARMUP)
        for _ in range(request.iterations):
            os.getppid()
            runtime.run(inputs)
        os.getppid()
        return Nothing()

    def _warm(self, times: int) -> tuple[Runtime, list[Array]]:
        """Return the open runtime and fixed inputs, after some inferences with them."""
        runtime = self._opened()
        inputs = [_noise(info) for info in runtime.describe().inputs]
        for _ in range(times):
            runtime.run(inputs)
        return runtime, inputs

    def _costs(self, _request: Nothing) -> SessionCosts:
        return SessionCosts(self._import_ns, self._load_ns, peak_memory_bytes())

    def _close(self, request: Nothing) -> Nothing:
        self._runtime = None
        return request


def _pin(cpus: tuple[int, ...]) -> None:
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot pin to CPUs {list(cpus)}: this process may use {sorted(os.sched_getaffinity(0))}"
        ) from error


def _load(path: Path, info: TensorInfo) -> Array:
    """Read an input array and check it against the graph, so that a runtime never gets a wrong buffer."""
    array = read_array(path)
    fits = array.ndim == len(info.shape) and all(
        want in (-1, size) for want, size in zip(info.shape, array.shape, strict=True)
    )
    if array.dtype != np.dtype(info.dtype) or not fits:
        raise InputError(
            f"{path} holds {array.dtype} {list(array.shape)}; "
            f"input {info.name!r} takes {info.dtype} {list(info.shape)}"
        )
    return np.ascontiguousarray(array)


def _noise(info: TensorInfo) -> Array:
    """Return a fixed input of the right type; the speed does not depend on its values."""
    shape = tuple(max(size, 1) for size in info.shape)
    generator = np.random.default_rng(0)
    if np.dtype(info.dtype).kind == "f":
        return generator.standard_normal(shape).astype(info.dtype)
    limits = np.iinfo(info.dtype)
    return generator.integers(limits.min, limits.max, shape, dtype=info.dtype, endpoint=True)


def main() -> None:
    """Serve commands from standard input."""
    # Ctrl-C reaches the whole process group; the parent handles it and ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with private_stdout() as channel:
        Worker(channel).serve(sys.stdin)


if __name__ == "__main__":
    main()
