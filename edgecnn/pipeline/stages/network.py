"""Stage ``network``: conversion of a network by name to a checkpoint, with the requested weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgecnn.core import process
from edgecnn.core.config.paths import cache_dir
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.json_file import read_json
from edgecnn.core.named_code import SCHEME
from edgecnn.models.content import network_content
from edgecnn.models.registry import find_source
from edgecnn.models.spec_file import WEIGHTS_FILE
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.stages.unchanged import unchanged


@arguments
class NetworkParameters:
    """The network to build.

    Attributes:
        reference: ``zoo:``, ``timm:``, ``torchvision:`` or ``python:`` name, a checkpoint directory or an
            ``.onnx`` file.
        arguments: Keyword arguments of the builder.
        classes: Class names; None keeps the network's.
        contract: Changes to the network's own preprocessing contract.
        pretrained: Whether to load the published weights.
        weights: A file of weights, or None.
        content: Digest of the user's files that the reference and ``weights`` name.
        seed: Seed of random weights.
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
    """The network for a child process to build, and the directory for its checkpoint."""

    network: NetworkParameters
    out: Path


def run(inputs: Inputs, parameters: NetworkParameters, context: Context) -> None:
    """Build the network in a child process and write its checkpoint.

    Raises:
        InputError: The network's files or the user's code are no longer those of the parameters.
    """
    del inputs
    reference, weights = parameters.reference, parameters.weights
    given = [Path(name) for name in (reference, weights) if name]

    def content() -> str:
        return network_content(
            reference, parameters.arguments, pretrained=parameters.pretrained, weights=weights
        )

    with unchanged(reference, parameters.content, content):
        child = process.call(
            "edgecnn.pipeline.stages.network:build",
            NetworkRequest(parameters, context.out),
            log=context.log,
            memory_bytes=process.memory_for(*given, *(path / WEIGHTS_FILE for path in given)),
            torch=True,
        )
    context.charge("network", child)


def build(request: NetworkRequest) -> None:
    """Build a network and write its checkpoint; runs in a child process."""
    import torch

    from edgecnn.models.checkpoint import save_checkpoint
    from edgecnn.models.own_code import CodeWatch
    from edgecnn.models.resolve import resolve_model
    from edgecnn.models.sources.module import try_training

    wanted, watch = request.network, CodeWatch()
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
    if spec.builder.startswith(SCHEME):
        try_training(module, spec)
        given = () if wanted.weights is None else (Path(wanted.weights),)
        spec = spec.model_copy(update={"code": watch.found(spec.builder, given)})
    save_checkpoint(request.out, module, spec)


def network_stage(reference: str) -> Stage[NetworkParameters]:
    """Return the stage that builds a network, with the packages that its source names.

    Raises:
        UsageError: There is no such network.
        InputError: A file of the network is damaged.
    """
    return Stage("network", 3, run, ("torch", *find_source(reference).made_with(reference)), forks_torch=True)


@arguments
class ContractParameters:
    """Empty parameters."""


def copy_contract(inputs: Inputs, parameters: ContractParameters, context: Context) -> None:
    """Write only contract and task, so that steps that depend on nothing else survive new weights."""
    del parameters
    spec = read_json(inputs["checkpoint"] / "spec.json")
    for name in ("contract", "task"):
        text = json.dumps(spec[name], sort_keys=True)
        (context.out / f"{name}.json").write_text(text, encoding="utf-8")


CONTRACT = Stage("contract", 3, copy_contract)
