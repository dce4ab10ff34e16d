"""What a compiler says of a network on an NPU: where every layer runs, what it costs, what bounds it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from edgecnn.core.errors import InputError

SCHEMA = 2
ESTIMATE = "estimated by the compiler; no silicon was involved"

_BUSY = 0.5
_SLOW_MEMORY = frozenset({"DRAM", "flash"})


@dataclass(frozen=True)
class LayerCost:
    """One layer on the NPU, or left to the CPU.

    Attributes:
        name: Its output tensor's name in the file.
        operator: What it is, in the compiler's words.
        on_npu: Whether the NPU runs it.
        macs: Multiply-accumulates.
        cycles: NPU clock cycles; None on the CPU, and where the compiler tells none.
        busy: Cycles that the arithmetic and each memory need for it, by name (``compute``, ``SRAM``,
            ``DRAM``, ``flash``); they overlap, so the longest bounds the layer.
        utilization: Share of the MAC units' capacity that is used while the layer runs, 0 to 1; None where
            it is not known.
        memory_bytes: Memory that is taken while it runs; None where it is not known.
    """

    name: str
    operator: str
    on_npu: bool
    macs: int
    cycles: int | None = None
    busy: dict[str, int] = field(default_factory=dict)
    utilization: float | None = None
    memory_bytes: int | None = None

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


@dataclass(frozen=True)
class Partition:
    """How much of a network the NPU runs, counted in the files wherever they can be read back.

    Attributes:
        total_ops: Operators of the source file.
        cpu_ops: Operators left to the CPU in the compiled file.
        cpu_operators: Their names.
        ops_coverage: Share of the source file's operators that run on the NPU.
        macs_coverage: Share of its multiply-accumulates that run on the NPU.
        subgraphs: Pieces that the network falls into on the NPU; each is a hand-over.
    """

    total_ops: int
    cpu_ops: int
    cpu_operators: tuple[str, ...]
    ops_coverage: float
    macs_coverage: float
    subgraphs: int

    @property
    def npu_coverage(self) -> float:
        """Share of operators or of multiply-accumulates on the NPU, whichever is less."""
        return min(self.ops_coverage, self.macs_coverage)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Partition:
        """Rebuild it from plain data that may hold more."""
        return _build(cls, {**data, "cpu_operators": tuple(data["cpu_operators"])})


@dataclass(frozen=True)
class Estimate:
    """What a compiler expects of a network.

    Attributes:
        accelerator: What it was compiled for.
        configuration: Clock and memories that the figures assume.
        layers: Every layer, in its order.
        cycles: NPU clock cycles of one inference.
        milliseconds: The same at the configuration's clock.
        sram_bytes: SRAM that one inference takes.
        dram_bytes: DRAM that it takes, weights included where they are there.
        flash_bytes: Flash that weights and program take.

    What the compiler tells nothing of is None; a budget on it is missed.
    """

    accelerator: str
    configuration: str
    layers: tuple[LayerCost, ...]
    cycles: int | None = None
    milliseconds: float | None = None
    sram_bytes: int | None = None
    dram_bytes: int | None = None
    flash_bytes: int | None = None


@dataclass(frozen=True)
class NpuReport:
    """A network on an NPU.

    Attributes:
        compiler: The compiler's name.
        version: Its version: figures of different versions do not compare.
        partition: How much of the network the NPU runs.
        estimate: What the compiler expects of it.
        compiled_bytes: Size of the compiled file.
    """

    compiler: str
    version: str
    partition: Partition
    estimate: Estimate
    compiled_bytes: int

    def to_change(self, count: int = 3) -> list[tuple[LayerCost, str]]:
        """Return the layers to change first and why: what fell off the NPU, then what costs most."""
        order = sorted(
            self.estimate.layers, key=lambda layer: (layer.on_npu, -(layer.cycles or 0), -layer.macs)
        )
        return [(layer, layer.advice()) for layer in order[:count]]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data in one level, so that ``cycles`` is ``report["cycles"]``."""
        layers = [{**asdict(layer), "bound": layer.bound} for layer in self.estimate.layers]
        return {
            "schema": SCHEMA,
            "compiler": self.compiler,
            "version": self.version,
            "npu_coverage": self.partition.npu_coverage,
            **asdict(self.partition),
            **asdict(self.estimate),
            "compiled_bytes": self.compiled_bytes,
            "figures": ESTIMATE,
            "to_change": [{"layer": layer.name, "why": why} for layer, why in self.to_change()],
            "layers": layers,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> NpuReport:
        """Rebuild a report from :meth:`to_json`.

        Raises:
            InputError: It was written by another version, or it is none.
        """
        if data.get("schema") != SCHEMA:
            raise InputError(f"the NPU report has schema {data.get('schema')!r}; this version reads {SCHEMA}")
        try:
            layers = tuple(_build(LayerCost, item) for item in data["layers"])
            return cls(
                compiler=data["compiler"],
                version=data["version"],
                partition=Partition.from_json(data),
                estimate=_build(Estimate, {**data, "layers": layers}),
                compiled_bytes=data["compiled_bytes"],
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"not an NPU report: {error!r}") from error


Part = TypeVar("Part", LayerCost, Partition, Estimate)


def _build(kind: type[Part], data: dict[str, Any]) -> Part:
    return kind(**{item.name: data[item.name] for item in fields(kind)})
