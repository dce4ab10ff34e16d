"""The definition of a stage: a function from files and parameters to files, with all dependencies named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from edgecnn.core.documents.arguments import to_plain

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import JsonValue

    from edgecnn.core.process import ChildResult

P = TypeVar("P", bound="DataclassInstance")
Inputs = Mapping[str, Path]


class Progress(Protocol):
    """Function that receives the progress of a stage."""

    def __call__(self, done: int, total: int, text: str) -> None:
        """Report ``done`` of ``total`` units, with a few words such as a rate or a loss."""


@dataclass
class Context:
    """The output places of a stage; the runner creates one for each execution.

    Attributes:
        out: Directory of the stage's output files.
        scratch: Directory that survives a kill, from which the stage can resume.
        log: File for the output of vendor code.
        progress: Receives the progress of the stage.
        costs: Costs of the work, by name.
        notes: Further data for the report, such as the history of a training.

    Costs and notes are recorded beside the outputs and are not part of their digest: if a stage is made again
    with the same result at other costs, later steps stay valid.
    """

    out: Path
    scratch: Path
    log: Path
    progress: Progress
    costs: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: dict[str, JsonValue] = field(default_factory=dict)

    def charge(self, what: str, child: ChildResult) -> None:
        """Record the cost of a child process."""
        self.costs[what] = {
            "wall_s": round(child.wall_s, 3),
            "cpu_s": round(child.cpu_s, 3),
            "peak_bytes": child.peak_bytes,
        }


@dataclass(frozen=True)
class Stage(Generic[P]):
    """A kind of step, which takes parameters of one class.

    Attributes:
        name: Its name in plans, keys and logs.
        version: Increased whenever the same inputs give other outputs than before.
        run: The function. It reads ``inputs`` and writes into ``context.out``, nothing else.
        packages: Distributions whose version the outputs depend on.
        toolchains: Vendor tools, each in its own environment, whose version the outputs depend on.
        trains: Whether it computes gradients or statistics, whose last bits depend on the number of threads.
        times: Whether it measures time.
        forks_torch: Whether it calls a child process with ``torch=True`` (:func:`edgecnn.core.process.call`).
    """

    name: str
    version: int
    run: Callable[[Inputs, P, Context], None]
    packages: tuple[str, ...] = ()
    toolchains: tuple[str, ...] = ()
    trains: bool = False
    times: bool = False
    forks_torch: bool = False

    @property
    def alone(self) -> bool:
        """Whether no other step may run beside it: it measures time, or computes on every core."""
        return self.times or self.trains


def parameters_json(parameters: DataclassInstance) -> dict[str, JsonValue]:
    """Return a stage's parameters as plain data."""
    plain: dict[str, JsonValue] = to_plain(parameters)
    return plain
