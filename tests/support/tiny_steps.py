"""Finished steps of a plan, whose outputs are written by hand around the tiny network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from edgecnn.core.documents.inspection import OpenModel
from edgecnn.core.documents.link import Link
from edgecnn.core.documents.step_record import StepCost, StepRecord
from edgecnn.core.store.digest import digest_tree
from edgecnn.core.store.entry import Entry
from edgecnn.devices.host import host
from edgecnn.models.spec import ModelSpec
from edgecnn.pipeline.plan import Plan
from edgecnn.pipeline.stages import quantize, verify
from edgecnn.pipeline.step import Status, StepResult
from tests.support import tiny_models as tiny
from tests.support import tiny_run

Results = dict[str, StepResult]


def write_links(folder: Path, *links: Link) -> None:
    """Write what verification measured, as its stage does."""
    (folder / verify.RESULT).write_text(json.dumps([link.to_json() for link in links]))


def record_again(results: Results, *steps: str) -> None:
    """Record the outputs of steps as they are now, after a test changed them by hand."""
    for step in steps:
        entry = results[step].entry
        assert entry is not None
        results[step] = replace(results[step], entry=replace(entry, digest=digest_tree(entry.outputs)))


def outputs_of(results: Results, step: str) -> Path:
    """Return the directory of a step's outputs."""
    entry = results[step].entry
    assert entry is not None
    return entry.outputs


def finished(plan: Plan, folder: Path, found: Link | None = None) -> Results:
    """Return results of all steps of a plan with one attempt.

    Args:
        plan: The plan, of one ONNX or TFLite target.
        folder: Where each step gets a directory of outputs.
        found: The link that verification measured; one that holds by default.
    """
    (attempt,) = next(iter(plan.attempts.values()))
    seen = tiny_run.inspection(attempt.target.format, attempt.target.precision, {"Conv": 1})
    writers: Mapping[str, Callable[[Path], object]] = {
        plan.checkpoint: _spec,
        "lower:onnx": lambda out: tiny.write_onnx(out / "model.onnx"),
        "lower:tflite": lambda out: tiny.write_tflite(out / "model.tflite", quantized=False),
        attempt.step("quantize"): _quantized,
        attempt.step("inspect"): lambda out: (out / quantize.INSPECTION).write_text(seen.model_dump_json()),
        attempt.step("verify"): lambda out: _verified(out, found or tiny_run.link()),
    }
    results = {}
    for step in plan.steps:
        outputs = folder / step.id.replace(":", "-")
        outputs.mkdir(parents=True)
        if step.id in writers:
            writers[step.id](outputs)
        record = StepRecord(
            step=step.id,
            stage=step.stage.name,
            packages={"numpy": "2"},
            costs={step.stage.name: StepCost(wall_s=1.5)},
            host=host(),
        )
        entry = Entry(f"key of {step.id}", outputs, digest_tree(outputs), record)
        results[step.id] = StepResult(step, Status.MADE, entry)
    return results


def _spec(out: Path) -> None:
    spec = ModelSpec(builder="zoo:mobilenetv2", contract=tiny.CONTRACT, classes=("cat", "dog"))
    (out / "spec.json").write_text(json.dumps(spec.to_json()))


def _quantized(out: Path) -> None:
    tiny.write_tflite(out / "model.tflite", quantized=True)
    (out / quantize.NOTES).write_text(json.dumps({"scheme": "int8"}))


def _verified(out: Path, found: Link) -> None:
    opened = OpenModel(
        runtime="onnxruntime",
        version="1",
        execution="shipping",
        threads=1,
        providers=(),
        inputs=(),
        outputs=(),
    )
    write_links(out, found)
    (out / verify.RUNTIME).write_text(opened.model_dump_json())
