"""What a compiler says of a network on an NPU: where every layer runs, what it costs, what bounds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, computed_field

from edgecnn.core.documents.document import Document

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = 2
ESTIMATE = "estimated by the compiler; no silicon was involved"

_BUSY = 0.5
_SLOW_MEMORY = frozenset({"DRAM", "flash"})


class NpuLayer(Document):
    """One layer on the NPU, or left to the CPU."""

    name: str
    """Its output tensor's name in the file."""

    operator: str
    """What it is, in the compiler's words."""

    on_npu: bool
    """Whether the NPU runs it."""

    macs: int
    """Multiply-accumulates."""

    cycles: int | None = None
    """NPU clock cycles; None on the CPU, and where the compiler tells none."""

    busy: dict[str, int] = Field(default_factory=dict)
    """Cycles that the arithmetic and each memory need for it, by name (``compute``, ``SRAM``, ``DRAM``,
    ``flash``); they overlap, so the longest bounds the layer."""

    utilization: float | None = None
    """Share of the MAC units' capacity that is used while the layer runs, 0 to 1; None where unknown."""

    memory_bytes: int | None = None
    """Memory that is taken while it runs; None where it is not known."""

    @computed_field
    @property
    def bound(self) -> str:
        """What bounds it: ``compute`` or a memory; ``cpu`` where it is not on the NPU."""
        if not self.on_npu:
            return "cpu"
        return max(self.busy, key=lambda name: self.busy[name]) if any(self.busy.values()) else "-"

    def advice(self) -> str:
        """Say why it costs what it costs and what would change that."""
        bound = self.bound
        if bound == "cpu":
            return "runs on the CPU: replace the operation by one that the NPU has"
        if self.cycles is None:
            return f"does {self.macs} multiply-accumulates; the compiler tells no cycles, so the most count"
        if bound in _SLOW_MEMORY:
            return f"waits for {bound}: fewer weights (channels, a smaller kernel), or faster memory for them"
        if bound == "SRAM":
            return "waits for SRAM: smaller feature maps here (resolution, channels)"
        if self.macs and self.utilization is not None and self.utilization < _BUSY:
            return (
                f"uses {self.utilization:.0%} of the MAC units: depthwise layers and channel counts that are "
                "no multiple of 16 leave the rest idle"
            )
        return "keeps the MAC units busy: only fewer channels or a smaller resolution make it cheaper"


class Partition(Document):
    """How much of a network the NPU runs, counted in the files wherever they can be read back."""

    total_ops: int
    """Operators of the source file."""

    cpu_ops: int
    """Operators left to the CPU in the compiled file."""

    cpu_operators: tuple[str, ...]
    """Their names."""

    ops_coverage: float
    """Share of the source file's operators that run on the NPU."""

    macs_coverage: float
    """Share of its multiply-accumulates that run on the NPU."""

    subgraphs: int
    """Pieces that the network falls into on the NPU; each is a hand-over."""

    @computed_field
    @property
    def npu_coverage(self) -> float:
        """Share of operators or of multiply-accumulates on the NPU, whichever is less."""
        return min(self.ops_coverage, self.macs_coverage)


class Estimate(Document):
    """What a compiler expects of a network; what it does not tell is None, and a budget on it is missed."""

    accelerator: str
    """What it was compiled for."""

    configuration: str
    """Clock and memories that the figures assume."""

    layers: tuple[NpuLayer, ...] = ()
    """Every layer, in its order."""

    cycles: int | None = None
    """NPU clock cycles of one inference."""

    milliseconds: float | None = None
    """The same at the configuration's clock."""

    sram_bytes: int | None = None
    """SRAM that one inference takes."""

    dram_bytes: int | None = None
    """DRAM that it takes, weights included where they are there."""

    flash_bytes: int | None = None
    """Flash that weights and program take."""


class LayerToChange(Document):
    """A layer that costs much, and why."""

    layer: str
    why: str


class NpuReport(Partition, Estimate):
    """A network on an NPU, in one level, so that ``cycles`` is ``report.cycles``."""

    left_out: ClassVar[frozenset[str]] = frozenset({"layers"})

    schema_version: Literal[2] = Field(default=2, alias="schema")
    compiler: str
    """The compiler's name."""

    version: str
    """Its version: figures of different versions do not compare."""

    compiled_bytes: int
    """Size of the compiled file."""

    to_change: tuple[LayerToChange, ...]
    """The layers to change first and why: what fell off the NPU, then what costs most."""

    @classmethod
    def of(
        cls, compiler: str, version: str, partition: Partition, estimate: Estimate, compiled_bytes: int
    ) -> NpuReport:
        """Return the report of what a compiler made."""
        parts = dict(partition) | dict(estimate)
        changes = tuple(
            LayerToChange(layer=layer.name, why=layer.advice()) for layer in _costliest(estimate.layers)
        )
        return cls(
            compiler=compiler,
            version=version,
            compiled_bytes=compiled_bytes,
            to_change=changes,
            **parts,
        )

    def without_layers(self) -> NpuReport:
        """Return the figures of the network alone."""
        return self.model_copy(update={"layers": ()})

    @computed_field
    @property
    def figures(self) -> str:
        """What the figures are worth."""
        return ESTIMATE

    def costliest(self, count: int = 3) -> list[NpuLayer]:
        """Return the layers that fell off the NPU, then those that cost most."""
        return _costliest(self.layers, count)


def _costliest(layers: Sequence[NpuLayer], count: int = 3) -> list[NpuLayer]:
    return sorted(layers, key=lambda layer: (layer.on_npu, -(layer.cycles or 0), -layer.macs))[:count]
