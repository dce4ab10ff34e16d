"""Rockchip's RKNN toolkit: compilation for one chip, and reading of its printed table of layers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from edgecnn.backends.compiler import Compiled
from edgecnn.backends.partition import SourceFile
from edgecnn.core import process
from edgecnn.core.documents.npu import Estimate, NpuLayer, Partition
from edgecnn.core.errors import WorkerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from edgecnn.backends.compiler import CompileJob

RUNTIME = "rknn"
MAX_LOG_BYTES = 50_000_000
_KIB = 1024
_ENDS = frozenset({"InputOperator", "OutputOperator"})

# ID OpType DataType Target InputShape OutputShape Cycles(DDR/NPU/Total) RW(KB) FullName
_LAYER = re.compile(
    r"\]\s+\d+\s+(?P<operator>\w+)\s+\S+\s+(?P<target>NPU|CPU|GPU)\s+\S+\s+\S+\s+"
    r"(?P<ddr>\d+)/(?P<npu>\d+)/(?P<total>\d+)\s+\d+\s+\w+:(?P<name>\S+)"
)
_MEMORY = re.compile(r"Total (?P<kind>Internal|Weight) Memory Size: (?P<kib>[0-9.]+)KB")


@dataclass(frozen=True)
class Rknn:
    """The compiler for one chip.

    A ``.rknn`` file cannot be read back, so the placement of operations is as reported by the toolkit.

    Attributes:
        platform: The chip, such as ``rk3588``.
    """

    platform: str

    @property
    def accelerator(self) -> str:
        """The NPU, as reports name it."""
        return self.platform

    def compile(self, job: CompileJob) -> Compiled:
        """Compile a quantized ONNX file."""
        exported, said = job.scratch / "network.rknn", job.scratch / "build.log"
        said.unlink(missing_ok=True)
        made = job.open(RUNTIME, exported, log=said, platform=self.platform, export=str(exported))
        text = _read(said)
        with job.log.open("a", encoding="utf-8") as sink:
            sink.write(text)
        if not made:
            raise WorkerError("the RKNN toolkit ended well but wrote no file", hint=f"its log: {job.log}")
        exported.replace(job.out)
        macs = process.call(
            "edgecnn.backends.onnx.partition:macs_by_node",
            SourceFile(RUNTIME, job.model),
            log=job.log,
            memory_bytes=process.memory_for(job.model),
        )
        return read_build(text, self.platform, macs.read(dict[str, int]))


def read_build(text: str, platform: str, macs: Mapping[str, int]) -> Compiled:
    """Read the toolkit's output of a build.

    Args:
        text: The output.
        platform: The chip.
        macs: Multiply-accumulates of the source file's operations, by node name.

    Raises:
        WorkerError: The output has no table of layers, because the version differs.
    """
    layers = [_layer(row, macs) for row in _LAYER.finditer(text) if row["operator"] not in _ENDS]
    memory = {found["kind"]: round(float(found["kib"]) * _KIB) for found in _MEMORY.finditer(text)}
    if not any(layer.cycles for layer in layers) or memory.keys() != {"Internal", "Weight"}:
        raise WorkerError(
            "the RKNN toolkit printed no table of layers that the pinned version would print",
            hint="edgecnn toolchain install rknn",
        )
    estimate = Estimate(
        accelerator=platform,
        configuration="as the RKNN toolkit assumes, DDR included",
        layers=tuple(layers),
        cycles=sum(layer.cycles or 0 for layer in layers),
        dram_bytes=memory["Internal"] + memory["Weight"],
    )
    return Compiled(estimate, _partition(layers))


def _read(log: Path) -> str:
    if log.stat().st_size > MAX_LOG_BYTES:
        raise WorkerError(f"the RKNN toolkit printed more than {MAX_LOG_BYTES} bytes", hint=f"its log: {log}")
    return log.read_text(encoding="utf-8", errors="replace")


def _layer(row: re.Match[str], macs: Mapping[str, int]) -> NpuLayer:
    on_npu, name = row["target"] == "NPU", row["name"]
    # The names of fused or split operations begin with the node's name: node_Conv_319_ConvAdd.
    source = max((known for known in macs if name.startswith(known)), key=len, default="")
    return NpuLayer(
        name=name,
        operator=row["operator"],
        on_npu=on_npu,
        macs=macs.get(source, 0),
        cycles=int(row["total"]) if on_npu else None,
        busy={"compute": int(row["npu"]), "DRAM": int(row["ddr"])} if on_npu else {},
    )


def _partition(layers: Sequence[NpuLayer]) -> Partition:
    cpu = [layer for layer in layers if not layer.on_npu]
    macs = sum(layer.macs for layer in layers)
    return Partition(
        total_ops=len(layers),
        cpu_ops=len(cpu),
        cpu_operators=tuple(sorted({layer.operator for layer in cpu})),
        ops_coverage=1.0 - len(cpu) / len(layers),
        macs_coverage=1.0 - sum(layer.macs for layer in cpu) / macs if macs else float(not cpu),
        subgraphs=sum(on_npu for on_npu, _ in groupby(layers, key=lambda layer: layer.on_npu)),
    )
