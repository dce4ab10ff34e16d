"""The manifest of an artifact: everything that an attempt's steps measured, and the judged budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.formats import model_file
from edgecnn.core.documents.inspection import OpenModel
from edgecnn.core.documents.latency import LatencyRatio
from edgecnn.core.documents.manifest import Manifest
from edgecnn.core.documents.measured import INTERVAL, Measured, Value
from edgecnn.core.documents.npu import NpuReport
from edgecnn.core.documents.source import ModelOrigin, NetworkOrigin
from edgecnn.core.json_file import read_json
from edgecnn.pipeline.attempt_answers import AttemptAnswers
from edgecnn.pipeline.stages import benchmark, count, quantize, verify
from edgecnn.pipeline.stages import compile as compile_stage
from edgecnn.proof.budgets import binding_budgets, judge

if TYPE_CHECKING:
    from pydantic import JsonValue

    from edgecnn.core.documents.ladder import RungResult
    from edgecnn.core.documents.link import Link
    from edgecnn.pipeline.attempt_outputs import AttemptOutputs


def build_manifest(outputs: AttemptOutputs, links: list[Link], ladder: list[RungResult]) -> Manifest:
    """Return the manifest of an attempt, with every budget judged.

    Args:
        outputs: The outputs of the attempt's steps.
        links: The links of the verification chain.
        ladder: The result of every rung of the recovery ladder.
    """
    plan, target, answers = outputs.plan, outputs.target, AttemptAnswers(outputs)
    spec = read_json(outputs.folder(plan.checkpoint) / "spec.json")
    inspection = outputs.inspection()
    runtime = outputs.document(OpenModel, "verify", verify.RUNTIME)
    if runtime is None:
        raise KeyError(f"{target.name} was not verified")
    npu = outputs.document(NpuReport, "compile", compile_stage.REPORT)
    latency = outputs.document(LatencyRatio, "benchmark", benchmark.RESULT)
    metrics = answers.metrics(links)
    counted, notes = outputs.own("count"), outputs.own("quantize")
    counts = {} if counted is None else read_json(counted / count.RESULT)
    measured = Measured(
        size=outputs.size(),
        **answers.task_values(metrics),
        **answers.budget_values(),
        **_latency_values(latency),
        instructions={device: found["median"] for device, found in counts.items()},
        float_ops=inspection.float_ops,
        integer_macs=inspection.integer_share,
        transposes=inspection.transposes,
        **_npu_values(npu),
        arena=runtime.memory_bytes.get("arena"),
    )
    tools = outputs.packages()
    for found in counts.values():
        tools["qemu"] = found["tool"]
    return Manifest(
        name=plan.pipeline.spec.name,
        target=target,
        model=model_file(outputs.folder(outputs.attempt.model_file), target.format).name,
        files=outputs.digests(),
        size_bytes=outputs.size(),
        source=_source(outputs, spec),
        contract=spec["contract"],
        classes=spec["classes"],
        task=spec["task"],
        precision=inspection.precision,
        inspection=inspection,
        quantization={} if notes is None else read_json(notes / quantize.NOTES),
        pruning=outputs.pruning(),
        ladder=ladder,
        verification=links,
        metrics=metrics,
        latency=latency,
        npu=npu,
        runtime=runtime,
        warnings=answers.warnings(),
        answers=answers.paired(),
        measured=measured,
        budgets=judge(binding_budgets(target), measured),
        costs=outputs.costs(),
        host=outputs.host(),
        tools=dict(sorted(tools.items())),
    )


def _source(outputs: AttemptOutputs, spec: dict[str, JsonValue]) -> ModelOrigin:
    entry = outputs.results[outputs.plan.checkpoint].entry
    kept = {key: value for key, value in spec.items() if key in NetworkOrigin.model_fields}
    checkpoint = {"checkpoint": None if entry is None else entry.digest}
    return ModelOrigin.from_json(kept | checkpoint | outputs.origins(), "spec.json")


def _latency_values(latency: LatencyRatio | None) -> dict[str, Value]:
    """Return the values of a latency comparison that budgets bind; empty where there was none."""
    if latency is None:
        return {}
    return {
        "latency_ratio": latency.ratio,
        INTERVAL: (latency.low, latency.high),
        "latency": {latency.host.cpu: latency.candidate.p50_ns / 1e6},
        "memory": latency.candidate.peak_bytes,
    }


def _npu_values(npu: NpuReport | None) -> dict[str, Value | None]:
    """Return the values of a compiler's report that budgets bind; empty where nothing was compiled."""
    if npu is None:
        return {}
    return {
        "npu_coverage": npu.npu_coverage,
        "cpu_ops": npu.cpu_ops,
        "subgraphs": npu.subgraphs,
        "cycles": npu.cycles,
        "sram": npu.sram_bytes,
        "flash": npu.flash_bytes,
    }
