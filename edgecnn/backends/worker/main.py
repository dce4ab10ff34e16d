"""The worker: one process, one open model, commands as JSON lines.

``python -m edgecnn.backends.worker.main`` reads one JSON object a line from standard input and answers each
with one line on standard output: ``{"value": ...}``, ``{"error": ...}``, or, before one of these, any
number of ``{"progress": [done, total]}``. Arrays travel as ``.npy`` files. Whatever a library prints goes
to standard error. The worker ends at ``close`` or when its input ends.

========  ==================================================================  ======================
command   arguments                                                           value
========  ==================================================================  ======================
open      runtime: fields of RuntimeCode; model, execution, threads, extra,   the description
          cpus, memory_bytes
evaluate  images, indices, contract, out                                      files and seconds
run       inputs: ``.npy`` files; out: directory                              ``.npy`` files
time      iterations, warmup                                                  nanoseconds, one each
count     iterations                                                          nothing: marks are system calls
costs                                                                         of opening; peak memory
close
========  ==================================================================  ======================
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from edgecnn.backends.worker.evaluate import evaluate, open_images, select
from edgecnn.backends.worker.runtime import Options, Runtime
from edgecnn.backends.worker.runtime_code import RuntimeCode
from edgecnn.backends.worker.runtimes import import_runtime, open_runtime
from edgecnn.backends.worker.timing import time_inferences
from edgecnn.core.errors import EdgecnnError, InputError, UsageError
from edgecnn.core.this_process import peak_memory_bytes, private_stdout
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.ondevice.tensor import Array, TensorInfo


# Kernels are chosen and weights packed by then, and Python has specialized its byte code.
_COUNT_WARMUP = 12


class Worker:
    """Executes commands on one open model.

    Args:
        channel: Where answers go.
    """

    def __init__(self, channel: IO[str]) -> None:
        self._channel = channel
        self._runtime: Runtime | None = None
        self._import_ns = self._load_ns = 0
        self._commands: dict[str, Callable[..., Any]] = {
            "open": self._open,
            "evaluate": self._evaluate,
            "run": self._run,
            "time": self._time,
            "count": self._count,
            "costs": self._costs,
            "close": self._close,
        }

    def serve(self, lines: IO[str]) -> None:
        """Answer commands until ``close`` or the end of input."""
        for line in lines:
            request = json.loads(line)
            command = request.pop("command")
            try:
                self._send({"value": self._commands[command](**request)})
            except EdgecnnError as error:
                self._send({"error": error.to_json()})
            except OSError as error:
                # A scratch directory that is gone or a full disk is the user's to mend, not a crash.
                self._send({"error": _describe(error).to_json()})
            if command == "close":
                return

    def _send(self, answer: dict[str, Any]) -> None:
        self._channel.write(json.dumps(answer) + "\n")
        self._channel.flush()

    def _opened(self) -> Runtime:
        if self._runtime is None:
            raise UsageError("no model is open in this worker")
        return self._runtime

    def _open(
        self,
        *,
        runtime: dict[str, str],
        model: str,
        execution: str,
        threads: int,
        extra: dict[str, str],
        cpus: list[int] | None,
        memory_bytes: int | None,
    ) -> dict[str, Any]:
        if execution not in ("shipping", "reference"):
            raise UsageError(f"execution {execution!r} is neither shipping nor reference")
        if not Path(model).is_file():
            raise InputError(f"there is no model file {model}")
        # Before the runtime is imported: its threads inherit the affinity.
        if cpus is not None:
            _pin(cpus)
        if memory_bytes is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        options = Options("reference" if execution == "reference" else "shipping", threads, extra)
        code = RuntimeCode(**runtime)
        started = time.perf_counter_ns()
        import_runtime(code)
        imported = time.perf_counter_ns()
        self._runtime = open_runtime(code, Path(model), options)
        self._import_ns, self._load_ns = imported - started, time.perf_counter_ns() - imported
        return self._runtime.describe().to_json()

    def _evaluate(
        self, images: str, indices: list[int] | None, contract: dict[str, Any], out: str
    ) -> dict[str, Any]:
        try:
            checked = Contract.from_json(contract)
        except (TypeError, ValueError) as error:
            raise InputError(f"not a preprocessing contract: {error}") from error
        stored = open_images(Path(images), checked)
        chosen = select(len(stored), indices)
        done = evaluate(
            self._opened(),
            stored,
            chosen,
            checked,
            out=Path(out),
            progress=lambda count, total: self._send({"progress": [count, total]}),
        )
        return {
            "outputs": [str(path) for path in done.outputs],
            "images": len(chosen),
            "seconds": done.seconds,
            "inference_seconds": done.inference_seconds,
            "peak_bytes": peak_memory_bytes(),
        }

    def _run(self, inputs: list[str], out: str) -> list[str]:
        runtime = self._opened()
        expected = runtime.describe().inputs
        if len(inputs) != len(expected):
            raise InputError(f"the model has {len(expected)} inputs, not {len(inputs)}")
        arrays = [_load(Path(path), info) for path, info in zip(inputs, expected, strict=True)]
        paths = []
        for index, result in enumerate(runtime.run(arrays)):
            path = Path(out) / f"result_{index}.npy"
            np.save(path, result, allow_pickle=False)
            paths.append(str(path))
        return paths

    def _time(self, iterations: int, warmup: int) -> dict[str, Any]:
        runtime = self._opened()
        inputs = [_noise(info) for info in runtime.describe().inputs]
        for _ in range(warmup):
            runtime.run(inputs)
        return asdict(time_inferences(runtime, inputs, iterations))

    def _count(self, iterations: int) -> None:
        runtime = self._opened()
        inputs = [_noise(info) for info in runtime.describe().inputs]
        for _ in range(_COUNT_WARMUP):
            runtime.run(inputs)
        for _ in range(iterations):
            os.getppid()
            runtime.run(inputs)
        os.getppid()

    def _costs(self) -> dict[str, int]:
        return {"import_ns": self._import_ns, "load_ns": self._load_ns, "peak_bytes": peak_memory_bytes()}

    def _close(self) -> None:
        self._runtime = None


def _pin(cpus: list[int]) -> None:
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot pin to CPUs {cpus}: this process may use {sorted(os.sched_getaffinity(0))}"
        ) from error


def _load(path: Path, info: TensorInfo) -> Array:
    """Read an input array and check it against the graph, so that a runtime never sees a wrong buffer."""
    try:
        array: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not an array: {error}") from error
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
    """Return a fixed input of the right type: speed does not depend on the picture, so none is needed."""
    shape = tuple(max(size, 1) for size in info.shape)
    generator = np.random.default_rng(0)
    if np.dtype(info.dtype).kind == "f":
        return generator.standard_normal(shape).astype(info.dtype)
    limits = np.iinfo(info.dtype)
    return generator.integers(limits.min, limits.max, shape, dtype=info.dtype, endpoint=True)


def _describe(error: OSError) -> InputError:
    hint = "free some space, or choose another --out" if error.errno == errno.ENOSPC else None
    return InputError(f"{error.filename or 'a file'}: {error.strerror or error}", hint=hint)


def main() -> None:
    """Serve commands from standard input."""
    # Ctrl-C reaches the whole process group; the parent decides what it means and ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with private_stdout() as channel:
        Worker(channel).serve(sys.stdin)


if __name__ == "__main__":
    main()
