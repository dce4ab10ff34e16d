"""A compiler's report on a network for an NPU: place, cost and bottleneck of every layer."""

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
    """One layer, on the NPU or on the CPU."""

    name: str
    """Its output tensor's name in the file."""

    operator: str
    """Its type, by the compiler's name."""

    on_npu: bool
    """Whether the NPU runs it."""

    macs: int
    """Multiply-accumulates."""

    cycles: int | None = None
    """NPU clock cycles; None on the CPU, or if the compiler reports none."""

    busy: dict[str, int] = Field(default_factory=dict)
    """Cycles of the arithmetic and of each memory, by name (``compute``, ``SRAM``, ``DRAM``, ``flash``); they
    overlap, so the longest bounds the layer."""

    utilization: float | None = None
    """Used share of the MAC units' capacity while the layer runs, 0 to 1; None if unknown."""

    memory_bytes: int | None = None
    """Memory in use while it runs; None if unknown."""

    @computed_field
    @property
    def bound(self) -> str:
        """Return its bottleneck: ``compute`` or a memory; ``cpu`` if it is not on the NPU."""
        if not self.on_npu:
            return "cpu"
        return max(self.busy, key=lambda name: self.busy[name]) if any(self.busy.values()) else "-"

    def advice(self) -> str:
        """Return the reason for its cost and what would reduce it."""
        bound = self.bound
        if bound == "cpu":
            return "runs on the CPU: replace the operation by one that the NPU has"
        if self.cycles is None:
            return f"does {self.macs} multiply-accumulates; ranked by these, without cycles from the compiler"
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
    """Share of a network that the NPU runs, counted in the files if they can be read back."""

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
    """Number of pieces of the network on the NPU; data moves between CPU and NPU at each."""

    @computed_field
    @property
    def npu_coverage(self) -> float:
        """Share of operators or of multiply-accumulates on the NPU, whichever is less."""
        return min(self.ops_coverage, self.macs_coverage)


class Estimate(Document):
    """A compiler's estimate for a network; an unreported value is None, and its budget is missed."""

    accelerator: str
    """The NPU that it was compiled for."""

    configuration: str
    """Assumed clock and memories."""

    layers: tuple[NpuLayer, ...] = ()
    """Every layer, in order."""

    cycles: int | None = None
    """NPU clock cycles of one inference."""

    milliseconds: float | None = None
    """Time of these cycles at the configuration's clock."""

    sram_bytes: int | None = None
    """SRAM that one inference takes."""

    dram_bytes: int | None = None
    """DRAM that it takes, including weights if they are there."""

    flash_bytes: int | None = None
    """Flash that weights and program take."""


class LayerToChange(Document):
    """A costly layer, with the reason for its cost."""

    layer: str
    why: str


class NpuReport(Partition, Estimate):
    """A report on a network for an NPU, with all values on one level, such as ``report.cycles``."""

    left_out: ClassVar[frozenset[str]] = frozenset({"layers"})

    schema_version: Literal[2] = Field(default=2, alias="schema")
    compiler: str
    """The compiler's name."""

    version: str
    """Its version; figures of different versions cannot be compared."""

    compiled_bytes: int
    """Size of the compiled file."""

    to_change: tuple[LayerToChange, ...]
    """The layers to change first, with reasons: those on the CPU, then the most costly."""

    @classmethod
    def of(
        cls, compiler: str, version: str, partition: Partition, estimate: Estimate, compiled_bytes: int
    ) -> NpuReport:
        """Return the report on a compiled file."""
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
        """Return the report without its layers."""
        return self.model_copy(update={"layers": ()})

    @computed_field
    @property
    def figures(self) -> str:
        """Return a note on the reliability of the figures."""
        return ESTIMATE

    def costliest(self, count: int = 3) -> list[NpuLayer]:
        """Return the layers on the CPU, then the most costly ones."""
        return _costliest(self.layers, count)


def _costliest(layers: Sequence[NpuLayer], count: int = 3) -> list[NpuLayer]:
    return sorted(layers, key=lambda layer: (layer.on_npu, -(layer.cycles or 0), -layer.macs))[:count]
