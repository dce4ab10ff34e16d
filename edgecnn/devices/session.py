"""A model open in a worker process, as the parent sees it."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import numpy.typing as npt

from edgecnn.backends.registry import find_runtime
from edgecnn.backends.worker.runtime import Description, Execution
from edgecnn.core.errors import InputError, UsageError, WorkerError
from edgecnn.devices.channel import Channel, Progress
from edgecnn.devices.transfer import SharedFiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from tempfile import TemporaryDirectory

    from edgecnn.backends.worker.runtime_code import RuntimeCode
    from edgecnn.devices.transfer import Transfer
    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.tensor import Array

OPEN_TIMEOUT_S = 180.0
SILENCE_TIMEOUT_S = 120.0
CLOSE_TIMEOUT_S = 5.0


class OpenOptions(TypedDict, total=False):
    """How a device opens a model; what is left out has the default of :class:`OpenRequest`.

    Attributes:
        execution: ``shipping``, or ``reference`` for the plainest kernels.
        threads: Threads of one inference.
        cpus: CPUs that the worker is pinned to.
        extra: The runtime's own settings by their native names.
        memory_bytes: Limit on the worker's address space.
        timeout_s: Seconds after which opening counts as hung.
    """

    execution: Execution
    threads: int
    cpus: Sequence[int] | None
    extra: dict[str, str]
    memory_bytes: int | None
    timeout_s: float


@dataclass(frozen=True)
class OpenRequest:
    """Which model is to be opened, and how.

    Attributes:
        runtime: Where the worker finds the runtime.
        model: The model file.
        execution: ``shipping`` or ``reference``.
        threads: Threads of one inference.
        extra: The runtime's own settings by their native names.
        cpus: CPUs that the worker is pinned to; None leaves it free.
        memory_bytes: Limit on the worker's address space; None leaves it unlimited.
    """

    runtime: RuntimeCode
    model: str
    execution: Execution = "shipping"
    threads: int = 1
    extra: dict[str, str] = field(default_factory=dict)
    cpus: list[int] | None = None
    memory_bytes: int | None = None

    @classmethod
    def of(cls, runtime: str, model: str, options: OpenOptions) -> OpenRequest:
        """Return the request for a model as the worker sees it.

        Raises:
            UsageError: There is no runtime of that name.
        """
        given: dict[str, Any] = {key: value for key, value in options.items() if key != "timeout_s"}
        if given.get("cpus") is not None:
            given["cpus"] = list(given["cpus"])
        return cls(find_runtime(runtime).code, model, **given)


@dataclass(frozen=True)
class Evaluation:
    """The outputs of a network for a set of images, and what they cost.

    Attributes:
        outputs: One float32 array ``[N, ...]`` an output, dequantized, memory-mapped.
        files: Where they lie.
        images: N.
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
        """Throughput of the whole evaluation."""
        return self.images / self.seconds


@dataclass(frozen=True)
class Times:
    """Inferences that were timed one by one.

    Attributes:
        wall_ns: Wall time of each, int64 ``[N]``.
        waited_ns: Of that, how long the worker was ready but the machine served somebody else, ``[N]``.
        stolen_ns: Time that the hypervisor took from the worker's CPUs meanwhile.
    """

    wall_ns: npt.NDArray[np.int64]
    waited_ns: npt.NDArray[np.int64]
    stolen_ns: int

    @property
    def own_ns(self) -> npt.NDArray[np.int64]:
        """What the model itself took, int64 ``[N]``: wall time less waiting, at least 1."""
        own: npt.NDArray[np.int64] = np.maximum(self.wall_ns - self.waited_ns, 1)
        return own


@dataclass(frozen=True)
class SessionCosts:
    """What an open model has cost besides its inferences.

    Attributes:
        import_ns: Wall time of importing the runtime's package.
        load_ns: Wall time of opening the model in it.
        peak_bytes: Peak resident memory of the worker so far, interpreter and runtime included.
    """

    import_ns: int
    load_ns: int
    peak_bytes: int


class Session:
    """A model open in a worker process; a context manager that ends the process.

    Whatever the worker does, a method of this class returns or raises: an answer that is an error is
    rebuilt and raised; a crash, a lack of memory, silence and garbage are told apart in a
    :class:`~edgecnn.core.errors.WorkerError`.

    Args:
        command: Command line of the worker: any program that speaks the protocol of
            :mod:`edgecnn.backends.worker.main`.
        log: File that receives what the worker's libraries print.
        what: The worker in the reader's words, for messages.
        environment: Variables of the worker, all of them.
        scratch: Directory for arrays that travel; it goes when the session ends.
        transfer: How files get to the worker; None where it sees this machine's.
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
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink, env=environment
            )
        self._channel = Channel(process, log=log, log_start=log_start, what=what)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # After an error, Ctrl-C included, the worker may be busy: it is not asked, it is ended.
        self.close() if kind is None else self.kill()

    @property
    def description(self) -> Description:
        """What the runtime says of itself and of the model."""
        if self._description is None:
            raise UsageError(f"{self._what} has no model open")
        return self._description

    def open(self, request: OpenRequest, *, timeout_s: float = OPEN_TIMEOUT_S) -> Description:
        """Open a model in the worker.

        Raises:
            InputError: The file is not a model that the runtime can run.
            MissingDependency: The runtime is not installed in the worker's environment.
            UsageError: No such runtime, option or CPU.
            WorkerError: The worker crashed, hung or ran out of memory over it.
        """
        value = self._ask("open", timeout_s, **asdict(request))
        self._description = Description.from_json(value)
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
            contract: How they are normalized.
            out: Directory for the outputs.
            indices: Which images, in which order; all of them by default.
            progress: Called with images done and images in all, about twice a second.
            timeout_s: Seconds without progress after which the worker counts as hung.

        Raises:
            InputError: Images, contract and model do not fit together, or ``out`` cannot be written.
            WorkerError: The worker crashed, hung or ran out of memory.
        """
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write to {out}: {error.strerror}") from error
        value = self._ask(
            "evaluate",
            timeout_s,
            progress,
            images=self._transfer.send(images),
            indices=None if indices is None else [int(index) for index in indices],
            contract=contract.to_json(),
            out=self._transfer.folder(out),
        )
        files = tuple(self._transfer.receive(path, out) for path in value.pop("outputs"))
        outputs = tuple(np.load(path, mmap_mode="r", allow_pickle=False) for path in files)
        return Evaluation(outputs=outputs, files=files, **value)

    def run(self, inputs: Sequence[Array], *, timeout_s: float = SILENCE_TIMEOUT_S) -> list[Array]:
        """Run one inference on arrays in the graph's own types and layouts; nothing is converted.

        Raises:
            InputError: An array does not fit its input.
            WorkerError: The worker crashed, hung or ran out of memory.
        """
        folder = Path(self._scratch.name)
        paths = [folder / f"input_{index}.npy" for index in range(len(inputs))]
        for path, array in zip(paths, inputs, strict=True):
            np.save(path, array, allow_pickle=False)
        sent = [self._transfer.send(path) for path in paths]
        results = self._ask("run", timeout_s, inputs=sent, out=self._transfer.folder(folder))
        return [np.load(self._transfer.receive(path, folder), allow_pickle=False) for path in results]

    def time(self, iterations: int, *, warmup: int = 0, timeout_s: float = SILENCE_TIMEOUT_S) -> Times:
        """Time each of ``iterations`` inferences on a fixed input, after ``warmup`` that don't count.

        Raises:
            WorkerError: The worker crashed, hung or ran out of memory.
        """
        spent = self._ask("time", timeout_s, iterations=iterations, warmup=warmup)
        wall, waited = (np.asarray(spent[key], np.int64) for key in ("wall_ns", "waited_ns"))
        return Times(wall, waited, int(spent["stolen_ns"]))

    def count(self, iterations: int, *, timeout_s: float = SILENCE_TIMEOUT_S) -> None:
        """Run inferences with a mark before each and after the last, for who counts instructions outside.

        Raises:
            WorkerError: The worker crashed, hung or ran out of memory.
        """
        self._ask("count", timeout_s, iterations=iterations)

    def costs(self, *, timeout_s: float = SILENCE_TIMEOUT_S) -> SessionCosts:
        """Return what opening the model took, and the worker's peak memory so far."""
        return SessionCosts(**self._ask("costs", timeout_s))

    def close(self) -> None:
        """End the worker in good order, or by force if it does not answer."""
        with contextlib.suppress(WorkerError):
            self._channel.ask({"command": "close"}, CLOSE_TIMEOUT_S, None)
        self.kill()

    def kill(self) -> None:
        """End the worker now."""
        self._channel.kill()
        self._scratch.cleanup()

    def _ask(self, command: str, timeout_s: float, progress: Progress | None = None, **arguments: Any) -> Any:
        return self._channel.ask({"command": command, **arguments}, timeout_s, progress)
