"""Stage ``network``: a network by name becomes a checkpoint, with published, given or fresh weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgecnn.core import process
from edgecnn.core.config.paths import cache_dir
from edgecnn.core.documents.arguments import arguments
from edgecnn.pipeline.stages.base import Context, Inputs, Stage


@arguments
class NetworkParameters:
    """What to build.

    Attributes:
        reference: ``zoo:``, ``timm:``, ``torchvision:`` or ``python:`` name, a checkpoint directory or an
            ``.onnx`` file.
        arguments: Keyword arguments of the builder.
        classes: Class names; None keeps what the network has.
        contract: Changes to the network's own preprocessing contract.
        pretrained: Whether the published weights are wanted.
        weights: A file of weights, or None.
        content: Digest of what the reference and ``weights`` point at, where that is the user's own file.
        seed: Seed of fresh weights.
    """

    reference: str
    arguments: dict[str, Any]
    classes: list[str] | None
    contract: dict[str, Any]
    pretrained: bool
    weights: str | None
    content: str
    seed: int


@arguments
class NetworkRequest:
    """What the child process builds, and the directory that it writes the checkpoint to."""

    network: NetworkParameters
    out: Path


def run(inputs: Inputs, parameters: NetworkParameters, context: Context) -> None:
    """Build the network in a child process and write its checkpoint."""
    del inputs
    child = process.call(
        "edgecnn.pipeline.stages.network:build", NetworkRequest(parameters, context.out), log=context.log
    )
    context.charge("network", child)


def build(request: NetworkRequest) -> None:
    """Build a network and write its checkpoint; runs in a child process."""
    import torch

    from edgecnn.models.checkpoint import save_checkpoint
    from edgecnn.models.resolve import resolve_model

    wanted = request.network
    torch.manual_seed(wanted.seed)
    module, spec = resolve_model(
        wanted.reference,
        arguments=wanted.arguments,
        classes=None if wanted.classes is None else tuple(wanted.classes),
        contract_overrides=wanted.contract,
        weights=None if wanted.weights is None else Path(wanted.weights),
        pretrained=wanted.pretrained,
        cache=cache_dir(),
    )
    save_checkpoint(request.out, module, spec)


NETWORK = Stage("network", 1, run, ("torch", "torchvision", "timm"))


@arguments
class ContractParameters:
    """Nothing to choose."""


def copy_contract(inputs: Inputs, parameters: ContractParameters, context: Context) -> None:
    """Write contract and task alone: what depends only on them outlives a change of the weights."""
    del parameters
    spec = json.loads((inputs["checkpoint"] / "spec.json").read_text(encoding="utf-8"))
    for name in ("contract", "task"):
        text = json.dumps(spec[name], sort_keys=True)
        (context.out / f"{name}.json").write_text(text, encoding="utf-8")


CONTRACT = Stage("contract", 3, copy_contract)
