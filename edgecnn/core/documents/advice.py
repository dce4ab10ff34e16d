"""Advice on a network for an NPU: its cost, and the costs of its compiled changes."""

from __future__ import annotations

from pydantic import Field, JsonValue

from edgecnn.core.documents.document import Document
from edgecnn.core.documents.npu import ESTIMATE, NpuReport


class NpuFigures(Document):
    """The values of a compiler's report by which changes are compared."""

    npu_coverage: float
    """Share of operators or of multiply-accumulates on the NPU, whichever is less."""

    cpu_ops: int
    """Operators left to the CPU."""

    cpu_operators: tuple[str, ...]
    """Their names."""

    subgraphs: int
    """Number of pieces of the network on the NPU."""

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
        """Return whether a network with other figures is better than this one.

        The criteria are, in order: fewer operations on the CPU, whether the memory suffices, fewer cycles.
        The number of operations is compared, not their share, because a network with fewer operations may
        have a smaller share on the NPU without more of them on the CPU.
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
    """The reason why it was not compiled."""

    helps: bool = False
    """Whether the changed network is better; see :meth:`NpuFigures.improved_by`."""


class CompiledChange(NpuFigures, TriedChange):
    """A change that was compiled, with the figures of the changed network."""

    checked: bool = True


class Remark(Document):
    """An operator on the CPU, with a suggested replacement."""

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
    """Note on the reliability of the figures."""

    compiler: str
    """The compiler's name."""

    version: str
    """Its version; figures of different versions cannot be compared."""

    before: NpuFigures
    """The unchanged network."""

    trials: tuple[CompiledChange | TriedChange, ...]
    """Every change that was tried."""

    remarks: tuple[Remark, ...]
    """The operators that are left to the CPU."""

    sram_limit: int | None
    """Available SRAM in bytes; None if unknown."""

    @property
    def useful(self) -> tuple[TriedChange, ...]:
        """Return the changes that help."""
        return tuple(trial for trial in self.trials if trial.helps)
