"""Runs of the tiny network for tests of the gate, and its verdicts on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import edgecnn
from edgecnn.core.documents.check import CheckResult, CheckRow
from edgecnn.core.documents.link import Bound, Link
from tests.support import tiny_models as tiny
from tests.support.tiny_run import link, task_metrics, write_artifact


def links(sqnr_db: float) -> list[Link]:
    """Return the links of a quantized file."""
    shipped = sqnr_db - 0.2
    return [
        link(),
        Link(
            number=2,
            name="quantization",
            compared="a with b",
            metrics={"sqnr_db": sqnr_db},
            limits={"sqnr_db": Bound(at_least=8.0)},
        ),
        Link(
            number=3,
            name="kernels",
            compared="a with b",
            metrics={"gap_db": 0.2, "shipping_sqnr_db": shipped},
            limits={"gap_db": Bound(at_most=3.0)},
        ),
        link(number=4, name="task"),
    ]


def quantized(
    folder: Path, *, sqnr_db: float = 36.0, agreement: float = 0.993, images: int = 200, **changes: Any
) -> Path:
    """Write a run of one target whose figures can be chosen; its file has bytes of its own."""
    folder.mkdir(parents=True)
    write_artifact(
        folder / "artifacts" / "onnx-fp32",
        "onnx-fp32",
        model=other_onnx(folder / "model.onnx") if "before" not in folder.name else None,
        verification=links(sqnr_db),
        metrics=task_metrics(agreement=agreement, n=10_000),
        quantization={"calibration": {"images": images, "digest": f"set of {images}"}},
        **changes,
    )
    (folder / "summary.json").write_text(json.dumps({"targets": [{"target": "onnx-fp32", "error": None}]}))
    return folder


def compared(run: Path, baseline: Path, **options: Any) -> CheckResult:
    """Check a run against a baseline without timing it."""
    result: CheckResult = edgecnn.check(run, baseline=baseline, latency=False, **options)
    return result


def row(result: CheckResult, check: str) -> CheckRow:
    """Return the row of a comparison with a baseline."""
    return next(row for row in result.rows if row.kind == "baseline" and row.check == check)


def only_onnx(run: Path) -> Path:
    """Let a run of two targets say that it has one."""
    (run / "summary.json").write_text(json.dumps({"targets": [{"target": "onnx-fp32", "error": None}]}))
    return run


def other_onnx(path: Path) -> Path:
    """Write the tiny network with other bytes."""
    import onnx

    model = onnx.load(tiny.write_onnx(path))
    model.doc_string = "the same network"
    onnx.save(model, path)
    return path
