"""Advise on a network for an NPU: what will not run on it or costs too much, and what to use instead."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from edgecnn.backends.registry import find_compiler
from edgecnn.backends.targets import load_target
from edgecnn.core.config.quantities import BYTES, parse_quantity
from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.manifest import NAME, Artifact
from edgecnn.models.spec import SCHEMA
from edgecnn.pipeline.advice.bench import VariantBench
from edgecnn.pipeline.advice.change import INSTEAD, Facts, propose
from edgecnn.pipeline.advice.result import Advice, Remark
from edgecnn.pipeline.stages.compile import CompileParameters
from edgecnn.ui.report.advice import advice_markdown


def advise(
    model: str,
    target: str,
    *,
    arguments: dict[str, Any] | None = None,
    sram: str | int | None = None,
    out: Path | None = None,
) -> Advice:
    """Say what to change in a network for an NPU, every change built and compiled.

    Only what a network costs is learnt here: it is rebuilt with fresh weights, so no images are needed, and
    what a change does to its accuracy is not known until it is trained.

    Args:
        model: ``zoo:``, ``timm:``, ``torchvision:`` or ``python:`` name, or directory of a checkpoint or
            of an artifact.
        target: An Ethos-U target.
        arguments: Arguments of the network's builder, such as ``width``.
        sram: SRAM that there is, in bytes or as ``384 kB``; the target's budget where not given.
        out: Directory for ``advice.json`` and ``advice.md``.

    Raises:
        UsageError: The target has no NPU that advice is known for, or the network does not exist.
        InputError: The network cannot be built or converted, or ``out`` cannot be written.
        MissingDependency: The compiler's toolchain is not installed.
        WorkerError: The compiler failed on the network as it is.
    """
    loaded = load_target(target)
    parameters = CompileParameters.of(loaded)
    if not find_compiler(parameters.compiler).nominal:
        raise UsageError(
            f"there is no advice for {target}, only for Ethos-U targets", hint="try --target ethos-u55-128"
        )
    limit = loaded.budgets.sram if sram is None else _bytes(sram)
    spec = _artifact_spec(Path(model)) if (Path(model) / NAME).is_file() else None
    with tempfile.TemporaryDirectory(prefix="edgecnn-advise-") as folder:
        bench = VariantBench(parameters, Path(folder))
        found = bench.describe(model, spec, arguments or {})
        before = bench.compile()
        facts = Facts(**found["facts"])
        changes = propose(before, facts, limit)
        trials = bench.try_changes(found["spec"], changes)
    remarks = tuple(
        Remark(name, INSTEAD.get(name, "an operation that the NPU has")) for name in before.cpu_operators
    )
    advice = Advice(model, target, before, trials, remarks, limit)
    if out is not None:
        _write(advice, out)
    return advice


def _bytes(size: str | int) -> int:
    try:
        return int(parse_quantity(size, BYTES, what="size"))
    except ValueError as error:
        raise UsageError(f"sram: {error}") from error


def _artifact_spec(directory: Path) -> dict[str, Any]:
    """Return the ``spec.json`` of the network that an artifact was made from."""
    manifest = Artifact.open(directory).manifest
    source = {key: value for key, value in manifest.source.to_json().items() if key != "checkpoint"}
    return {"schema": SCHEMA, **source, "contract": manifest.contract, "classes": manifest.classes}


def _write(advice: Advice, out: Path) -> None:
    document = advice.to_json()
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "advice.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        (out / "advice.md").write_text(advice_markdown(document), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
