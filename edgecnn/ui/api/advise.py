"""Advice on changes so that an NPU runs a network, or runs it at lower cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.targets import load_target
from edgecnn.core.config.quantities import parse_written
from edgecnn.core.errors import UsageError
from edgecnn.core.named_code import named_by_user
from edgecnn.pipeline.advice.bench import advise_on
from edgecnn.ui.report.advice import write_advice

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import JsonValue

    from edgecnn.core.documents.advice import Advice


def advise(
    model: str,
    target: str,
    *,
    arguments: Mapping[str, JsonValue] | None = None,
    sram: str | int | None = None,
    network: str | None = None,
    out: Path | None = None,
) -> Advice:
    """Return advice on changes to a network for an NPU; every change is built and compiled.

    Only costs are measured: the network is rebuilt with random weights, so no images are needed, and the
    effect of a change on the accuracy is unknown until the network is trained.

    Args:
        model: ``zoo:``, ``timm:``, ``torchvision:`` or ``python:`` name, or directory of a checkpoint or
            of an artifact.
        target: An Ethos-U target.
        arguments: Arguments of the network's builder, such as ``width``.
        sram: Available SRAM in bytes or as ``384 kB``; by default the target's budget.
        network: ``python:package.module:factory``, your own code that builds the network of a checkpoint or
            of an artifact; these alone cannot have code run.
        out: Directory for ``advice.json`` and ``advice.md``.

    Raises:
        UsageError: The target has no NPU with advice, or the network does not exist.
        InputError: The network cannot be built or converted, or ``out`` cannot be written.
        MissingDependency: The compiler's toolchain is not installed.
        WorkerError: The compiler failed on the unchanged network.
    """
    loaded = load_target(target)
    limit = loaded.budgets.sram if sram is None else _bytes(sram)
    with named_by_user(model, network):
        advice = advise_on(model, loaded, arguments or {}, limit)
    if out is not None:
        write_advice(advice, out)
    return advice


def _bytes(sram: str | int) -> int:
    if isinstance(sram, int):
        return sram
    try:
        return round(parse_written(sram, "bytes", small=True))
    except ValueError as error:
        raise UsageError(f"sram: {error}") from error
