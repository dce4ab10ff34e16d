"""Resolve a user's reference to a model into a network and its spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.models.registry import find_source
from edgecnn.models.source import ModelRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import nn

    from edgecnn.models.spec import ModelSpec


def resolve_model(
    reference: str,
    *,
    arguments: Mapping[str, Any] | None = None,
    classes: Sequence[str] | None = None,
    contract_overrides: Mapping[str, Any] | None = None,
    weights: Path | None = None,
    pretrained: bool = False,
    cache: Path | None = None,
) -> tuple[nn.Module, ModelSpec]:
    """Build the network that a reference names, with the requested weights.

    Without ``weights`` and ``pretrained`` the weights are drawn at random; a checkpoint directory always
    brings its own. If the weights were not trained for ``classes``, the classifier is drawn at random, and
    the spec's ``weights`` says so.

    Args:
        reference: ``zoo:NAME``, ``timm:NAME``, ``torchvision:NAME``, ``python:package.module:factory``,
            a checkpoint directory or an ``.onnx`` file.
        arguments: Keyword arguments of the builder, such as ``width``; they override a checkpoint's.
        classes: Class names in the order of the outputs; None takes those of the weights.
        contract_overrides: Fields of the preprocessing contract that differ from the network's own.
        weights: A ``.safetensors`` or ``.pth`` file; it has precedence over ``pretrained``.
        pretrained: Load the published weights, which ``edgecnn fetch`` has put into the cache.
        cache: Folder of downloads; None means edgecnn's own.

    Returns:
        The network in evaluation mode, and the spec that rebuilds it.

    Raises:
        UsageError: A name, an argument or a contract field does not exist or fit.
        InputError: Weights are damaged, malicious or of another network, or the network does not take images
            of the contract's size.
        MissingDependency: The published weights were not fetched.
    """
    request = ModelRequest(
        reference, arguments or {}, classes, contract_overrides or {}, weights, pretrained, cache
    )
    return find_source(reference).resolve(request)
