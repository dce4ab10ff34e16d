"""Vela, the compiler for Arm's Ethos-U NPUs: its execution, and the reading of its reports."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends.compiler import Compiled
from edgecnn.backends.partition import CompiledFile
from edgecnn.core import process
from edgecnn.core.csv_rows import csv_rows
from edgecnn.core.documents.npu import Estimate, NpuLayer, Partition
from edgecnn.core.errors import InputError, WorkerError
from edgecnn.core.toolchains.environment import require
from edgecnn.core.toolchains.program import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.compiler import CompileJob

TOOLCHAIN = "vela"
NPU_OPERATOR = "ethos-u"
"""The compiled file's custom operator for a piece of the network on the NPU."""

MAX_REPORT_BYTES = 50_000_000
_KIB = 1024

_BUSY = {
    "NPU": "compute",
    "SRAM AC": "SRAM",
    "DRAM AC": "DRAM",
    "OnFlash AC": "flash",
    "OffFlash AC": "flash",
}
"""Columns of the per-layer file by the busy unit that they describe."""


@dataclass(frozen=True)
class Vela:
    """A configuration of the compiler.

    Attributes:
        accelerator: Family and MACs per cycle, such as ``ethos-u55-128``.
        system_config: Clock and memories, a section of Arm's ``vela.ini``.
        memory_mode: Placement of data in memories, a section of the same file.
        optimise: ``Performance``, or ``Size`` for the smallest SRAM.
    """

    accelerator: str
    system_config: str
    memory_mode: str
    optimise: str = "Performance"

    def compile(self, job: CompileJob) -> Compiled:
        """Compile an integer TFLite file."""
        python, scratch = require(TOOLCHAIN).python, job.scratch
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        # Vela names its files after the source's.
        source = shutil.copyfile(job.model, scratch / "network.tflite")
        run_program(
            [str(python), "-m", "ethosu.vela", str(source), *self._arguments(scratch)],
            what=f"vela, compiling {job.model.name} for {self.accelerator}",
            log=job.log,
            timeout_s=job.timeout_s,
        )
        compiled = scratch / "network_vela.tflite"
        summary = scratch / f"network_summary_{self.system_config}.csv"
        layers = scratch / "network_per-layer.csv"
        for file in (compiled, summary, layers):
            if not file.is_file():
                raise WorkerError(f"vela ended well but wrote no {file.name}", hint=f"its log: {job.log}")
        estimate = read_estimate(summary, layers)
        shutil.copyfile(compiled, job.out)
        child = process.call(
            "edgecnn.backends.tflite.partition:compare",
            CompiledFile(job.model, job.out, NPU_OPERATOR),
            log=job.log,
            memory_bytes=process.memory_for(job.model, job.out),
        )
        return Compiled(estimate, child.read(Partition))

    def _arguments(self, out: Path) -> list[str]:
        return [
            *("--accelerator-config", self.accelerator),
            *("--config", "Arm/vela.ini"),
            *("--system-config", self.system_config),
            *("--memory-mode", self.memory_mode),
            *("--optimise", self.optimise),
            *("--output-dir", str(out)),
            "--verbose-performance",
        ]


def read_estimate(summary: Path, layers: Path) -> Estimate:
    """Read the two report files of a compilation.

    Raises:
        WorkerError: A file is of another version, or the network takes no cycles, so nothing runs on the NPU.
    """
    try:
        (total,) = _rows(summary)
        estimate = Estimate(
            accelerator=total["accelerator_configuration"].lower().replace("_", "-"),
            configuration=f"{total['system_config']}, {total['memory_mode']}, "
            f"{float(total['core_clock']) / 1e6:g} MHz",
            layers=tuple(_merge([_layer(row) for row in _rows(layers)])),
            cycles=int(float(total["cycles_total"])),
            milliseconds=float(total["inference_time"]) * 1e3,
            sram_bytes=_bytes(total, "sram_memory_used"),
            dram_bytes=_bytes(total, "dram_memory_used"),
            flash_bytes=_bytes(total, "on_chip_flash_memory_used")
            + _bytes(total, "off_chip_flash_memory_used"),
        )
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise WorkerError(
            f"{summary.name}: not a report of the pinned version of vela: {error}",
            hint=f"edgecnn toolchain install {TOOLCHAIN}",
        ) from error
    if not estimate.cycles or not any(layer.on_npu for layer in estimate.layers):
        raise WorkerError(
            "vela put no operator on the NPU: 0 cycles",
            hint="the log of the step says why each operator was left to the CPU",
        )
    return estimate


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        (_, columns), *rows = csv_rows(file, MAX_REPORT_BYTES)
        return [dict(zip(columns, cells, strict=True)) for _, cells in rows]
    except InputError as error:
        raise WorkerError(f"that is no report of vela: {error}") from error


def _bytes(row: dict[str, str], column: str) -> int:
    return round(float(row[column]) * _KIB)


def _layer(row: dict[str, str]) -> NpuLayer:
    busy: dict[str, int] = {}
    for column, name in _BUSY.items():
        busy[name] = max(busy.get(name, 0), int(float(row[column])))
    on_npu = row["Target"] == "NPU"
    return NpuLayer(
        name=row["Name"],
        operator=row["Original Operator"] if not on_npu else row["NNG Operator"],
        on_npu=on_npu,
        macs=int(row["MAC Count"]),
        cycles=int(float(row["Op Cycles"])) if on_npu else None,
        busy=busy if on_npu else {},
        utilization=float(row["Util% (MAC)"]) / 100 if on_npu else None,
        memory_bytes=int(row["Staging Usage"]),
    )


def _merge(layers: list[NpuLayer]) -> list[NpuLayer]:
    """Drop the rows of activations that are fused into the row before, which cost nothing."""
    kept: list[NpuLayer] = []
    for layer in layers:
        fused = layer.on_npu and layer.cycles == 0 and layer.macs == 0
        if not (fused and kept and kept[-1].name == layer.name):
            kept.append(layer)
    return kept
