r"""Networks on NPUs, without the board: coverage, cycles, memory, the bits that come out, and the time.

    edgecnn run quickstart
    edgecnn fetch zoo:mobilenetv2 zoo:efficientnet-lite0
    edgecnn toolchain install vela tosa tflm qnn
    python benchmarks/npu.py --calibration calibration.csv --data eval.csv \
        --quickstart runs/quickstart/checkpoint --json benchmarks/results/npu.json

Claims that this script is for: every operation on the Ethos-U; the TOSA reference model and TFLite-Micro give
the bits of the reference kernels on 50 images; the task metric within its limit; cycle counts that repeat
exactly; a whole verification (compile, execute, check) in under 3 minutes on 2 cores; every operation on
Qualcomm's HTP, with outputs near ONNX Runtime's. Cycles and memory are the compilers' estimates, outputs are
simulations; no silicon is involved. A row whose toolchain is not installed holds the reason.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from output import print_table, write_rows

import edgecnn
from edgecnn.core.config.paths import cache_dir, toolchains_dir
from edgecnn.core.errors import EdgecnnError
from edgecnn.pipeline.reporter import SilentReporter
from edgecnn.pipeline.step import Status

if TYPE_CHECKING:
    from edgecnn.core.documents.manifest import Manifest
    from edgecnn.pipeline.step import StepResult

NETWORKS = ("zoo:mobilenetv2", "zoo:efficientnet-lite0")
ETHOS = ("ethos-u55-128", "ethos-u65-256", "ethos-u85-256")
IMAGES = 50
COLUMNS = (
    "model",
    "target",
    "coverage",
    "cpu_ops",
    "cycles",
    "repeats",
    "sram_bytes",
    "arena",
    "max_abs",
    "max_steps",
    "top1",
    "fp32",
    "npu_s",
    "error",
)
_NPU_STAGES = ("compile", "verify", "evaluate")


@dataclass(frozen=True)
class Case:
    """A network with the images that it is made and judged with."""

    model: str
    calibration: str
    data: str
    targets: tuple[str, ...]


class Stopwatch(SilentReporter):
    """Adds up the seconds of the stages that an NPU adds to an export."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def finished(self, result: StepResult) -> None:
        """Count a step that was made, not one that was reused."""
        if result.status is Status.MADE and result.step.stage.name in _NPU_STAGES:
            self.seconds += result.seconds


def main() -> None:
    """Export every network for every target, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calibration", required=True, help="CSV or folder of calibration photos")
    parser.add_argument("--data", required=True, help="CSV or folder of labelled evaluation photos")
    parser.add_argument("--quickstart", help="checkpoint of the quickstart pipeline")
    parser.add_argument("--model", action="append", help=f"a network; {', '.join(NETWORKS)} by default")
    parser.add_argument("--target", action="append", help="a target; all by default")
    parser.add_argument("--images", type=int, default=IMAGES, help="images that every execution sees")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    cases = [
        Case(model, arguments.calibration, arguments.data, (*ETHOS, "qualcomm-htp"))
        for model in arguments.model or NETWORKS
    ]
    if arguments.quickstart:
        targets = (*ETHOS, "tflite-micro", "qualcomm-htp")
        cases.append(Case(arguments.quickstart, "fashion-mnist:train", "fashion-mnist:test", targets))
    with tempfile.TemporaryDirectory(prefix="edgecnn-npu-") as folder:
        use_fresh_home(Path(folder))
        rows = [
            measure(case, target, arguments.images, Path(folder) / "artifact")
            for case in cases
            for target in case.targets
            if target in (arguments.target or case.targets)
        ]
    print_table(rows, columns=COLUMNS)
    write_rows(rows, arguments.json)


def use_fresh_home(folder: Path) -> None:
    """Leave what other runs have made out of the timings; downloads and toolchains stay."""
    links = {"downloads": cache_dir(), "toolchains": toolchains_dir()}
    home = folder / "home"
    home.mkdir()
    for name, target in links.items():
        target.mkdir(parents=True, exist_ok=True)
        (home / name).symlink_to(target)
    os.environ["EDGECNN_HOME"] = str(home)


def measure(case: Case, target: str, images: int, out: Path) -> dict[str, Any]:
    """Export once and, for an NPU with cycles, compile the file a second time."""
    overrides = (f"data.limit={images}", f"verification.images={images}")
    row: dict[str, Any] = {"model": case.model, "target": target}
    watch = Stopwatch()
    try:
        result = edgecnn.export(
            case.model,
            target,
            calibration=case.calibration,
            data=case.data,
            images=images,
            overrides=overrides,
            out=out,
            reporter=watch,
        )
        if result.manifest is None or result.artifact is None:
            return row | {"error": str(result.error)}
        row |= figures(result.manifest) | {"npu_s": round(watch.seconds, 1)}
        if result.manifest.npu is not None and result.manifest.npu.cycles:
            again = edgecnn.inspect(result.artifact / result.manifest.model, target=target)
            row["repeats"] = again["cycles"] == row["cycles"]
    except EdgecnnError as error:
        return row | {"error": str(error)}
    return row | ({} if result.error is None else {"error": str(result.error)})


def figures(manifest: Manifest) -> dict[str, Any]:
    """Return what an artifact's manifest says of it on its device."""
    npu, metrics = manifest.npu, manifest.metrics
    kernels = next(link.metrics for link in manifest.verification if link.name == "kernels")
    return {
        "coverage": npu.npu_coverage if npu else None,
        "cpu_ops": npu.cpu_ops if npu else None,
        "cycles": npu.cycles if npu else None,
        "milliseconds": npu.milliseconds if npu else None,
        "sram_bytes": npu.sram_bytes if npu else None,
        "flash_bytes": npu.flash_bytes if npu else None,
        "arena": manifest.runtime.memory_bytes.get("arena") if manifest.runtime else None,
        "max_abs": kernels["max_abs"],
        "max_steps": kernels.get("max_steps"),
        "agreement": kernels["agreement"],
        "top1": metrics.value if metrics else None,
        "fp32": metrics.fp32 if metrics else None,
    }


if __name__ == "__main__":
    main()
