"""Advice on a network for an NPU: its cost, and the cost of every changed copy that was compiled."""

from __future__ import annotations

from pydantic import Field, JsonValue

from edgecnn.core.documents.document import Document
from edgecnn.core.documents.npu import ESTIMATE, NpuReport


class NpuFigures(Document):
    """The figures of a compiler's report that changes are compared by."""

    npu_coverage: float
    """Share of operators or of multiply-accumulates on the NPU, whichever is less."""

    cpu_ops: int
    """Operators left to the CPU."""

    cpu_operators: tuple[str, ...]
    """Their names."""

    subgraphs: int
    """Pieces that the network falls into on the NPU."""

    cycles: int | None
    """NPU clock cycles of one inference."""

    sram_bytes: int | None
    """SRAM that one inference takes."""

    flash_bytes: int | None
    """Flash that weights and program take."""

    @classmethod
    def of(cls, report: NpuReport) -> NpuFigures:
        """Return the figures of a report."""
        return cls.model_validate(report, from_attributes=True)

    def improved_by(self, after: NpuFigures, sram_limit: int | None) -> bool:
        """Say whether a network with other figures is better off than this one.

        Fewer operations on the CPU count first, then fitting the memory at last, then fewer cycles.
        Operations are counted, not their share: a network with fewer operations in all may have a smaller
        share on the NPU and yet leave no more to the CPU.
        """
        if after.cpu_ops != self.cpu_ops:
            return after.cpu_ops < self.cpu_ops
        if after._fits(sram_limit) != self._fits(sram_limit):
            return after._fits(sram_limit)
        return (after.cycles or 0) < (self.cycles or 0)

    def _fits(self, sram_limit: int | None) -> bool:
        return sram_limit is None or (self.sram_bytes is not None and self.sram_bytes <= sram_limit)


class Change(Document):
    """One change to a network."""

    name: str
    """The change in a few words."""

    why: str
    """The reason to try it."""

    activations: dict[str, str] = Field(default_factory=dict)
    """Class of the modules that are replaced, and the class that replaces them."""

    resize: str | None = None
    """Mode that every ``Upsample`` module gets; None leaves them."""

    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Arguments that the builder gets."""

    size: tuple[int, int] | None = None
    """Input height and width; None keeps them."""


class TriedChange(Document):
    """A change that was tried; unless it is a :class:`CompiledChange`, it could not be compiled."""

    change: Change
    checked: bool = False
    """Whether it was compiled."""

    reason: str = ""
    """The reason why it was not."""

    helps: bool = False
    """Whether the changed network is better off; see :meth:`NpuFigures.improved_by`."""


class CompiledChange(NpuFigures, TriedChange):
    """A change that was compiled, with the figures of the changed network."""

    checked: bool = True


class Remark(Document):
    """An operator that is left to the CPU, and what takes its place."""

    operator: str
    """Its name in the file."""

    instead: str
    """The replacement in words; nothing was compiled for it."""


class Advice(Document):
    """Advice on a network for one NPU; ``advice.json`` holds it."""

    model: str
    """The network, as the user named it."""

    target: str
    figures: str = ESTIMATE
    """What the figures are worth."""

    compiler: str
    """The compiler's name."""

    version: str
    """Its version: figures of different versions do not compare."""

    before: NpuFigures
    """The network as it is."""

    trials: tuple[CompiledChange | TriedChange, ...]
    """Every change that was tried."""

    remarks: tuple[Remark, ...]
    """The operators that are left to the CPU."""

    sram_limit: int | None
    """Bytes of SRAM that there are; None where nobody said."""

    @property
    def useful(self) -> tuple[TriedChange, ...]:
        """The changes that help."""
        return tuple(trial for trial in self.trials if trial.helps)
