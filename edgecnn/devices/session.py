"""The parent's view of a model that is open in a worker process."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import numpy.typing as npt

from edgecnn.backends.registry import find_runtime
from edgecnn.backends.worker.messages import (
    Arrays,
    CountRequest,
    Evaluated,
    EvaluateRequest,
    Nothing,
    OpenRequest,
    RunRequest,
    SessionCosts,
    Timed,
    TimeRequest,
)
from edgecnn.backends.worker.runtime import Description, Execution
from edgecnn.core.array_file import read_array
from edgecnn.core.child import Child
from edgecnn.core.errors import UsageError, WorkerError, not_written
from edgecnn.devices.channel import Channel, Progress
from edgecnn.devices.transfer import SharedFiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from tempfile import TemporaryDirectory

    from edgecnn.devices.transfer import Transfer
    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.tensor import Array

OPEN_TIMEOUT_S = 180.0
SILENCE_TIMEOUT_S = 120.0
CLOSE_TIMEOUT_S = 5.0


class OpenOptions(TypedDict, total=False):
    """Options for opening a model; defaults are those of :class:`OpenRequest`.

    Attributes:
        execution: ``shipping``, or ``reference`` for the plainest kernels.
        threads: Threads of one inference.
        cpus: CPUs that the worker is pinned to.
        extra: The runtime's own settings by their native names.
        memory_bytes: Limit on the worker's address space.
        timeout_s: Time limit in seconds.
    """

    execution: Execution
    threads: int
    cpus: Sequence[int] | None
    extra: dict[str, str]
    memory_bytes: int | None
    timeout_s: float


def open_request(runtime: str, model: str, options: OpenOptions) -> OpenRequest:
    """Return the request for a model as the worker needs it.

    Raises:
        UsageError: There is no runtime of that name.
    """
    cpus = options.get("cpus")
    return OpenRequest(
        find_runtime(runtime).code,
        model,
        execution=options.get("execution", "shipping"),
        threads=options.get("threads", 1),
        extra=options.get("extra", {}),
        cpus=None if cpus is None else tuple(cpus),
        memory_bytes=options.get("memory_bytes"),
    )


@dataclass(frozen=True)
class Evaluation:
    """Outputs of a network for a set of images, with their costs.

    Attributes:
        outputs: One float32 array ``[N, ...]`` per output, dequantized, memory-mapped.
        files: Their files.
        images: N, the number of images.
        seconds: Wall time: preprocessing, inference and storing the outputs.
        inference_seconds: Wall time inside the runtime.
        peak_bytes: Peak resident memory of the worker.
    """

    outputs: tuple[npt.NDArray[np.float32], ...]
    files: tuple[Path, ...]
    images: int
    seconds: float
    inference_seconds: float
    peak_bytes: int

    @property
    def images_per_second(self) -> float:
        """Return the throughput of the whole evaluation."""
        return self.images / self.seconds


@dataclass(frozen=True)
class Times:
    """Times of single inferences.

    Attributes:
        wall_ns: Wall time of each, int64 ``[N]``.
        waited_ns: Part of it in which the worker was ready but the CPU ran something else, ``[N]``.
        stolen_ns: Time that the hypervisor took from the worker's CPUs meanwhile.
    """

    wall_ns: npt.NDArray[np.int64]
    waited_ns: npt.NDArray[np.int64]
    stolen_ns: int

    @property
    def own_ns(self) -> npt.NDArray[np.int64]:
        """Return the model's own time, int64 ``[N]``: wall time minus waiting, at least 1."""
        own: npt.NDArray[np.int64] = np.maximum(self.wall_ns - self.waited_ns, 1)
        return own


class Session:
    """A model open in a worker process; a context manager that ends the process.

    Whatever the worker does, every method returns or raises: an error in an answer is restored and raised; a
    crash, a lack of memory, a timeout and a protocol violation each have their own message in a
    :class:`~edgecnn.core.errors.WorkerError`.

    Args:
        command: Command line of the worker: any program that speaks the protocol of
            :mod:`edgecnn.backends.worker.main`.
        log: File for the output of the worker's libraries.
        what: Name of the worker in messages.
        environment: All variables of the worker.
        scratch: Directory for exchanged arrays, removed when the session ends.
        transfer: Transport of files to the worker; None if it uses this machine's.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        what: str,
        environment: Mapping[str, str],
        scratch: TemporaryDirectory[str],
        transfer: Transfer | None = None,
    ) -> None:
        self._what = what
        self._log = log
        self._scratch = scratch
        self._transfer = transfer or SharedFiles()
        self._description: Description | None = None
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            log_start = sink.tell()
            process = Child(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink, env=environment
            )
        self._channel = Channel(process, log=log, log_start=log_start, what=what)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # After an error such as Ctrl-C the worker may be busy, so it is ended without asking it.
        self.close() if kind is None else self.kill()

    @property
    def description(self) -> Description:
        """Return the description of the runtime and the model."""
        if self._description is None:
            raise UsageError(f"{self._what} has no model open")
        return self._description

    def open(self, request: OpenRequest, *, timeout_s: float = OPEN_TIMEOUT_S) -> Description:
        """Open a model in the worker.

        Raises:
            InputError: The file is not a model that the runtime can run.
            MissingDependency: The runtime is not installed in the worker's environment.
            UsageError: There is no such runtime, option or CPU.
            WorkerError: The worker crashed, timed out or ran out of memory.
        """
        self._description = self._channel.ask("open", request, Description, timeout_s=timeout_s)
        return self._description

    def evaluate(
        self,
        images: Path,
        contract: Contract,
        out: Path,
        *,
        indices: Sequence[int] | None = None,
        progress: Progress | None = None,
        timeout_s: float = SILENCE_TIMEOUT_S,
    ) -> Evaluation:
        """Run images one by one through the model.

        Args:
            images: ``images.npy`` of a prepared set, uint8 ``[N, H, W, C]``.
            contract: Their normalization.
            out: Directory for the outputs.
            indices: Indices of the images, in order; by default all.
            progress: Called with (done, total) images about twice a second.
            timeout_s: Seconds without progress after which the worker is ended.

        Raises:
            InputError: Images, contract and model do not fit together, or ``out`` cannot be written.
            WorkerError: The worker crashed, timed out or ran out of memory.
        """
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_written(out, error) from error
        request = EvaluateRequest(
            images=self._transfer.send(images),
            contract=contract,
            out=self._transfer.folder(out),
            indices=None if indices is None else tuple(int(index) for index in indices),
        )
        done = self._channel.ask("evaluate", request, Evaluated, timeout_s=timeout_s, progress=progress)
        files = tuple(self._transfer.receive(path, out) for path in done.outputs)
        outputs = tuple(read_array(path, mapped=True) for path in files)
        return Evaluation(outputs, files, done.images, done.seconds, done.inference_seconds, done.peak_bytes)

    def run(self, inputs: Sequence[Array], *, timeout_s: float = SILENCE_TIMEOUT_S) -> list[Array]:
        """Run one inference on arrays in the graph's own types and layouts, without conversion.

        Raises:
            InputError: An array does not fit its input.
            WorkerError: The worker crashed, timed out or ran out of memory.
        """
        folder = Path(self._scratch.name)
        paths = [folder / f"input_{index}.npy" for index in range(len(inputs))]
        for path, array in zip(paths, inputs, strict=True):
            np.save(path, array, allow_pickle=False)
        sent = tuple(self._transfer.send(path) for path in paths)
        request = RunRequest(sent, out=self._transfer.folder(folder))
        results = self._channel.ask("run", request, Arrays, timeout_s=timeout_s)
        return [read_array(self._transfer.receive(path, folder)) for path in results.files]

    def time(self, iterations: int, *, warmup: int = 0, timeout_s: float = SILENCE_TIMEOUT_S) -> Times:
        """Time each of ``iterations`` inferences on a fixed input, after ``warmup`` untimed ones.

        Raises:
            WorkerError: The worker crashed, timed out or ran out of memory.
        """
        spent = self._channel.ask("time", TimeRequest(iterations, warmup), Timed, timeout_s=timeout_s)
        wall, waited = (np.asarray(each, np.int64) for each in (spent.wall_ns, spent.waited_ns))
        return Times(wall, waited, spent.stolen_ns)

    def count(self, iterations: int, *, timeout_s: float = SILENCE_TIMEOUT_S) -> None:
        """Run inferences with a mark before each and after the last, for external counters of instructions.

        Raises:
            WorkerError: The worker crashed, timed out or ran out of memory.
        """
        self._channel.ask("count", CountRequest(iterations), Nothing, timeout_s=timeout_s)

    def costs(self, *, timeout_s: float = SILENCE_TIMEOUT_S) -> SessionCosts:
        """Return the costs of opening the model, and the worker's peak memory so far."""
        return self._channel.ask("costs", Nothing(), SessionCosts, timeout_s=timeout_s)

    def close(self) -> None:
        """End the worker normally, or by force if it does not answer."""
        with contextlib.suppress(WorkerError):
            self._channel.ask("close", Nothing(), Nothing, timeout_s=CLOSE_TIMEOUT_S)
        self.kill()

    def kill(self) -> None:
        """End the worker now."""
        self._channel.kill()
        self._scratch.cleanup()


def opened(session: Session, request: OpenRequest, options: OpenOptions) -> Session:
    """Open a model in a session and return the session; if that fails, the worker is ended."""
    try:
        session.open(request, timeout_s=options.get("timeout_s", OPEN_TIMEOUT_S))
    except BaseException:
        session.kill()
        raise
    return session
