"""A run of the tiny network, written by hand in a moment: real files, real runtimes, no training."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.backends.targets import load_target
from edgecnn.core.config.budgets import Budgets
from edgecnn.core.documents.accuracy import Answers, TaskMetrics
from edgecnn.core.documents.inspection import Inspection
from edgecnn.core.documents.link import Bound, Link
from edgecnn.core.documents.manifest import Manifest
from edgecnn.core.documents.measured import Measured
from edgecnn.core.documents.source import ModelOrigin
from edgecnn.core.store.digest import digest_file
from edgecnn.core.store.manifest import Artifact
from edgecnn.devices.host import host
from edgecnn.models.detection_network import detection
from edgecnn.ondevice.tensor import TensorInfo
from edgecnn.proof.accuracy.paired import pack_hits
from edgecnn.proof.budgets import judge
from tests.support import tiny_detector
from tests.support import tiny_models as tiny

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WRITERS = {
    "onnx-fp32": lambda folder: tiny.write_onnx(folder / "model.onnx"),
    "tflite-int8": lambda folder: tiny.write_tflite(folder / "model.tflite", quantized=True),
}
IMAGES = 1000


def hits(right: int, images: int = IMAGES) -> np.ndarray:
    """Return which of the images are right: the first ``right``."""
    return np.arange(images) < right


def inspection(
    format_name: str,
    precision: str,
    ops: dict[str, int] | None = None,
    outputs: Sequence[tuple[int, ...]] = (),
) -> Inspection:
    """Return what might be read back from a model file.

    Args:
        format_name: Its format.
        precision: Its precision.
        ops: Its operations.
        outputs: Shapes of its outputs.
    """
    return Inspection(
        format=format_name,
        precision=precision,
        ops=ops or {},
        float_op_names=(),
        transposes=0,
        inputs=(),
        outputs=tuple(TensorInfo("x", shape, "float32") for shape in outputs),
        parameters=0,
        size_bytes=0,
    )


def link(sqnr_db: float = 99.0, *, number: int = 1, name: str = "conversion") -> Link:
    """Return a link, by default that of a conversion, which holds from 60 dB on."""
    return Link(
        number=number,
        name=name,
        compared="one file with another",
        metrics={"sqnr_db": sqnr_db},
        limits={"sqnr_db": Bound(at_least=60.0)},
    )


def links(precision: str) -> list[Link]:
    """Return the whole chain of an evaluated artifact, every link of which holds."""
    quantized = [link(number=2, name="quantization"), link(number=3, name="kernels")]
    return [link(), *(quantized if precision != "fp32" else []), link(number=4, name="task")]


def task_metrics(**values: Any) -> TaskMetrics:
    """Return a task metric that did not change."""
    usual: dict[str, Any] = {
        "metric": "top1",
        "value": 0.9,
        "fp32": 0.9,
        "drop": 0.0,
        "drop_interval": (0.0, 0.0),
        "agreement": 1.0,
        "n": IMAGES,
        "seconds": 1.0,
        "images_per_second": float(IMAGES),
        "peak_bytes": 1,
        "data": "photos",
    }
    return TaskMetrics(**(usual | values))


def write_artifact(
    folder: Path,
    target: str,
    *,
    right: np.ndarray | None = None,
    budgets: dict[str, Any] | None = None,
    **changes: Any,
) -> Artifact:
    """Write an artifact of the tiny network.

    Args:
        folder: Its directory.
        target: ``onnx-fp32`` or ``tflite-int8``.
        right: Which images were right; 900 of 1000 by default.
        budgets: Its budgets.
        changes: Fields of the manifest; ``measured`` is laid over what was measured, and ``model`` may be a
            file to take in place of the tiny network's.
    """
    model = changes.pop("model", None)
    if model is None:
        work = folder.with_name(f"{folder.name}.work")
        work.mkdir(parents=True, exist_ok=True)
        model = WRITERS[target](work)
    right = hits(900) if right is None else right
    chosen = load_target(target).model_copy(update={"budgets": Budgets.model_validate(budgets or {})})
    measured = Measured(
        size=model.stat().st_size, accuracy=float(right.mean()), accuracy_drop=0.0, float_ops=0, transposes=0
    )
    measured = Measured.model_validate(measured.model_dump() | changes.pop("measured", {}))
    values: dict[str, Any] = {
        "name": "tiny",
        "target": chosen,
        "model": model.name,
        "files": {model.name: digest_file(model)},
        "size_bytes": model.stat().st_size,
        "source": ModelOrigin(),
        "contract": tiny.CONTRACT.to_json(),
        "classes": [f"class {index}" for index in range(tiny.CLASSES)],
        "precision": chosen.precision,
        "inspection": inspection(chosen.format, chosen.precision, {"Conv": 1}),
        "quantization": {},
        "verification": links(chosen.precision),
        "metrics": None,
        "latency": None,
        "answers": Answers.model_validate(
            {"images": len(right), "digest": "same images", "hits": pack_hits(right)}
        ),
        "measured": measured,
        "budgets": judge(chosen.budgets, measured),
        "costs": {},
        "host": host(),
        "tools": {},
    }
    return Artifact.publish([model], Manifest(**(values | changes)), folder)


def write_detector_artifact(folder: Path, classes: list[str]) -> Artifact:
    """Write the artifact of the tiny detector."""
    shapes = ((1, 4, 4, 4), (1, 4, 4, 2))
    return write_artifact(
        folder / "artifact",
        "tflite-int8",
        model=tiny_detector.write_detector(folder / "model.tflite"),
        name="boxes",
        task=detection(tiny_detector.DETECTOR),
        source=ModelOrigin(licence="Apache-2.0"),
        contract=tiny_detector.CONTRACT.to_json(),
        classes=classes,
        metrics=task_metrics(metric="ap", value=0.31, fp32=0.32, n=40, data="boxes.json"),
        inspection=inspection("tflite", "int8", {"CONV_2D": 2}, shapes),
    )


def write_run(folder: Path, **changes: Any) -> Path:
    """Write a run of two targets."""
    for target in WRITERS:
        write_artifact(folder / "artifacts" / target, target, **changes)
    listed = [{"target": target, "error": None} for target in WRITERS]
    (folder / "summary.json").write_text(json.dumps({"targets": listed}))
    return folder
