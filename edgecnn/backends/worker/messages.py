"""Requests to a worker and its replies, one class each, which both sides check strictly.

A line to the worker is a :class:`Question`, a line from it an :class:`Answer`. Paths are those of the
worker's machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edgecnn.backends.worker.runtime import Execution
from edgecnn.backends.worker.runtime_code import RuntimeCode
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.documents import PlainDocument


@dataclass(frozen=True)
class Question(PlainDocument):
    """One line to the worker.

    Attributes:
        command: Name of the command.
        request: Its request, as plain data.
    """

    command: str
    request: dict[str, object]


@dataclass(frozen=True)
class Answer(PlainDocument):
    """One line from the worker, with exactly one of its fields set.

    Attributes:
        value: The reply to the command, as plain data.
        error: The error that ended the command, as ``EdgecnnError.to_json`` writes it.
        progress: (done, total) steps; more lines follow.
    """

    value: dict[str, object] | None = None
    error: dict[str, str | int | None] | None = None
    progress: tuple[int, int] | None = None


@dataclass(frozen=True)
class Nothing(PlainDocument):
    """The request of a command without arguments, or the reply of one without a result."""


@dataclass(frozen=True)
class OpenRequest(PlainDocument):
    """Open a model; the reply is a :class:`edgecnn.backends.worker.runtime.Description`.

    Attributes:
        runtime: Data from which the worker imports the runtime.
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
    cpus: tuple[int, ...] | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class EvaluateRequest(PlainDocument):
    """Run images of a prepared set through the open model; the reply is an :class:`Evaluated`.

    Attributes:
        images: The file ``images.npy``.
        contract: Normalization of the images.
        out: Directory for the outputs.
        indices: Indices of the images, in order; None for all of them.
    """

    images: str
    contract: Contract
    out: str
    indices: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Evaluated(PlainDocument):
    """Outputs of an evaluation, and its costs.

    Attributes:
        outputs: One float32 ``.npy`` file ``[N, ...]`` per output, dequantized; maps are ``[N, C, H, W]``.
        images: N, the number of images.
        seconds: Wall time of the loop: preprocessing, inference and storing the outputs.
        inference_seconds: Wall time inside the runtime.
        peak_bytes: Peak resident memory of the worker.
    """

    outputs: tuple[str, ...]
    images: int
    seconds: float
    inference_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class RunRequest(PlainDocument):
    """Run one inference on arrays; the reply is :class:`Arrays`.

    Attributes:
        inputs: One ``.npy`` file per input.
        out: Directory for the results.
    """

    inputs: tuple[str, ...]
    out: str


@dataclass(frozen=True)
class Arrays(PlainDocument):
    """Results of one inference.

    Attributes:
        files: One ``.npy`` file per output.
    """

    files: tuple[str, ...]


@dataclass(frozen=True)
class TimeRequest(PlainDocument):
    """Time inferences on a fixed input; the reply is a :class:`Timed`.

    Attributes:
        iterations: Number of timed inferences.
        warmup: Number of inferences before them.
    """

    iterations: int
    warmup: int = 0


@dataclass(frozen=True)
class Timed(PlainDocument):
    """Times of single inferences.

    Attributes:
        wall_ns: Wall time of each inference.
        waited_ns: Part of it in which the thread that waited most was ready but not running; 0 if the kernel
            does
        not count it.
        stolen_ns: Time that the hypervisor took from this worker's CPUs meanwhile, in multiples of a clock
            tick.
    """

    wall_ns: tuple[int, ...]
    waited_ns: tuple[int, ...]
    stolen_ns: int


@dataclass(frozen=True)
class CountRequest(PlainDocument):
    """Run inferences separated by marks, which are system calls; the reply is :class:`Nothing`.

    Attributes:
        iterations: Number of inferences.
    """

    iterations: int


@dataclass(frozen=True)
class SessionCosts(PlainDocument):
    """Costs of an open model besides its inferences.

    Attributes:
        import_ns: Wall time of importing the runtime's package.
        load_ns: Wall time of opening the model in it.
        peak_bytes: Peak resident memory of the worker so far, interpreter and runtime included.
    """

    import_ns: int
    load_ns: int
    peak_bytes: int
