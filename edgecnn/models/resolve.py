"""From what a user calls a model to a network and its spec."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.digest import digest_file
from edgecnn.core.text import first_line
from edgecnn.models import fetch, libraries, zoo
from edgecnn.models.build import build, find_factory, import_function
from edgecnn.models.checkpoint import WEIGHTS_FILE, read_spec
from edgecnn.models.described import DescribedNetwork
from edgecnn.models.imported.reference import names_onnx_file
from edgecnn.models.spec import ModelSpec
from edgecnn.models.stem_and_classifier import classifier_name
from edgecnn.models.weights import adapt_weights, load_weights, read_safetensors, read_weights
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

_SCHEMES = ("zoo", *zoo.LIBRARIES, "python")

# What a network of one's own is given when nobody says otherwise: torchvision's usual preprocessing.
_USUAL_CONTRACT = Contract(height=224, width=224)


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
    """Build the network that a reference names, with the weights that were asked for.

    Without ``weights`` and ``pretrained`` the weights are fresh, but those of a checkpoint directory are
    always its own. Given ``classes`` that the weights were not trained for, the classifier is fresh and
    the spec's ``weights`` says so.

    Args:
        reference: ``zoo:NAME``, ``timm:NAME``, ``torchvision:NAME``, ``python:package.module:factory``,
            a checkpoint directory or an ``.onnx`` file.
        arguments: Keyword arguments of the builder, such as ``width``; they are laid over a checkpoint's.
        classes: Class names in the order of the outputs; None takes those of the weights.
        contract_overrides: Fields of the preprocessing contract that differ from the network's own.
        weights: A ``.safetensors`` or ``.pth`` file; goes before ``pretrained``.
        pretrained: Load the published weights, which ``edgecnn fetch`` has put into the cache.
        cache: Folder of downloads; None is edgecnn's own.

    Returns:
        The network in evaluation mode, and the spec that rebuilds it.

    Raises:
        UsageError: A name, an argument or a contract field does not exist or fit.
        InputError: Weights are damaged, malicious or of another network, or the network does not take
            images of the contract's size.
        MissingDependency: The published weights were not fetched.
    """
    if names_onnx_file(reference):
        return _import(reference, arguments or {}, classes, contract_overrides or {}, weights)
    base = _describe(reference)
    spec = replace(
        base,
        arguments={**base.arguments, **(arguments or {})},
        classes=base.classes if classes is None else tuple(classes),
        contract=_override(base.contract, contract_overrides or {}),
        weights="",
        licence="",
    )
    state, origin, licence = _find_weights(reference, base, weights, pretrained=pretrained, cache=cache)
    module = build(spec)
    if state is not None:
        state = _renamed(reference, module, state)
        if classes is None:
            module, spec = _with_outputs_of(state, module, spec, origin)
        state, trained = adapt_weights(
            module, state, keep_classifier=weights is not None or spec.classes == base.classes
        )
        load_weights(module, state, origin)
        fresh = "" if trained else ", fresh classifier"
        if pretrained and _is_backbone_only(reference):
            fresh = ", fresh neck and heads"
        spec = spec.with_weights(f"{origin}{fresh}", licence)
    if isinstance(module, DescribedNetwork):
        spec = replace(spec, task=module.task(spec.contract))
    outputs = count_outputs(module, spec)
    if outputs is None:
        if (
            classes is None
            and reference.startswith("python:")
            and spec.classes == libraries.imagenet_classes()
        ):
            spec = replace(spec, classes=libraries.numbered(1))
    elif outputs != len(spec.classes):
        if classes is not None or not reference.startswith("python:"):
            raise InputError(
                f"{reference} has {outputs} outputs for {len(spec.classes)} classes",
                hint="a factory with a parameter 'classes' is told how many to make",
            )
        spec = replace(spec, classes=libraries.numbered(outputs))
    return module, spec


def _import(
    reference: str,
    arguments: Mapping[str, Any],
    classes: Sequence[str] | None,
    contract_overrides: Mapping[str, Any],
    weights: Path | None,
) -> tuple[nn.Module, ModelSpec]:
    """Read a network from an ONNX file; what it is cut at, ``outputs``, is its only argument."""
    from edgecnn.models.imported.importer import import_onnx

    unknown = arguments.keys() - {"outputs"}
    if unknown:
        raise zoo.unknown(f"argument of {reference}", min(unknown), ["outputs"])
    if weights is not None:
        raise UsageError(f"{reference} has weights of its own", hint="leave --weights out")
    file = Path(reference)
    found = import_onnx(file, tuple(arguments.get("outputs", ())))
    names = libraries.numbered(found.classes or 1) if classes is None else tuple(classes)
    if found.classes is not None and len(names) != found.classes:
        raise InputError(f"{reference} has {found.classes} outputs for {len(names)} classes")
    spec = ModelSpec(
        builder=f"onnx:{file.stem}",
        contract=_override(found.contract, contract_overrides),
        classes=names,
        arguments={"graph": found.graph.to_json()},
        weights=f"{file.name} sha256:{digest_file(file)}",
        task=found.task,
    )
    module = build(spec)
    load_weights(module, found.state, reference)
    count_outputs(module, spec)
    return module, spec


def count_outputs(module: nn.Module, spec: ModelSpec) -> int | None:
    """Run one blank image through a network and return its number of logits; None where it has maps.

    Raises:
        InputError: The network cannot process an image of the contract's size, or returns no tensors.
    """
    contract = spec.contract
    image = torch.zeros(1, contract.channels, contract.height, contract.width)
    try:
        with torch.inference_mode():
            answer = module(image)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{spec.builder} does not take an image of {list(image.shape)}: {first_line(error)}",
            hint="check the input size and color of the preprocessing",
        ) from error
    outputs = answer if isinstance(answer, tuple | list) else (answer,)
    if not outputs or any(
        not isinstance(output, torch.Tensor) or output.shape[:1] != (1,) for output in outputs
    ):
        shapes = [
            list(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            for output in outputs
        ]
        raise InputError(f"{spec.builder} returned {shapes}, not tensors for one image")
    return int(outputs[0].shape[1]) if len(outputs) == 1 and outputs[0].ndim == 2 else None


def _describe(reference: str) -> ModelSpec:
    """Return the spec of a reference as its author made it."""
    scheme, _, name = reference.partition(":")
    if scheme == "zoo":
        entry = zoo.find(name)
        classes = libraries.numbered(entry.classes) if entry.classes else libraries.imagenet_classes()
        return ModelSpec(reference, entry.contract, classes)
    if scheme in zoo.LIBRARIES:
        return libraries.describe(reference)
    if scheme == "python":
        return ModelSpec(reference, _USUAL_CONTRACT, _usual_classes(name))
    if reference and Path(reference).exists():
        return read_spec(Path(reference))
    raise UsageError(
        f"there is no model {reference!r}",
        hint="use zoo:NAME, timm:NAME, torchvision:NAME, python:package.module:factory, a checkpoint "
        "or an .onnx file",
    )


def _usual_classes(entry: str) -> tuple[str, ...]:
    """Return as many classes as a user's factory makes when nobody says how many; ImageNet's otherwise."""
    parameter = inspect.signature(find_factory(entry)).parameters.get("classes")
    if parameter is not None and isinstance(parameter.default, int):
        return libraries.numbered(parameter.default)
    return libraries.imagenet_classes()


def _override(contract: Contract, changes: Mapping[str, Any]) -> Contract:
    try:
        return Contract.from_json({**contract.to_json(), **changes})
    except (TypeError, ValueError) as error:
        raise UsageError(f"preprocessing: {error}") from error


def _find_weights(
    reference: str, base: ModelSpec, file: Path | None, *, pretrained: bool, cache: Path | None
) -> tuple[dict[str, Tensor] | None, str, str]:
    """Return the weights to start from, if any, where they come from, and their licence."""
    scheme, _, name = reference.partition(":")
    if file is not None:
        return read_weights(file), f"{file.name} sha256:{digest_file(file)}", ""
    if scheme not in _SCHEMES:
        return read_safetensors(Path(reference) / WEIGHTS_FILE), base.weights, base.licence
    if not pretrained:
        return None, "", ""
    if scheme == "python":
        raise UsageError(f"{reference} has no published weights", hint="give a file with --weights")
    licence = zoo.find(name).licence if scheme == "zoo" else base.licence
    return read_safetensors(fetch.require(reference, cache)), fetch.origin(reference), licence


def _is_backbone_only(reference: str) -> bool:
    scheme, _, name = reference.partition(":")
    return scheme == "zoo" and zoo.find(name).backbone_only


def _renamed(reference: str, module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Translate the keys of published weights, where the zoo's table says that they differ."""
    scheme, _, name = reference.partition(":")
    rename = zoo.find(name).rename if scheme == "zoo" else None
    return import_function(rename)(state, module) if rename else state


def _with_outputs_of(
    state: dict[str, Tensor], module: nn.Module, spec: ModelSpec, origin: str
) -> tuple[nn.Module, ModelSpec]:
    """Rebuild the network for as many classes as its weights have, where nobody named the classes.

    Raises:
        InputError: The network says which layers are classes, and the weights are for another number.
    """
    if isinstance(module, DescribedNetwork):
        own = module.state_dict()
        for key in (f"{layer}.weight" for layer in module.score_layers()):
            if key in state and state[key].shape != own[key].shape:
                raise InputError(
                    f"{origin} does not fit {len(spec.classes)} classes: {key} has shape "
                    f"{list(state[key].shape)}, the network {list(own[key].shape)}",
                    hint="name the classes that the weights were trained for",
                )
        return module, spec
    trained = state.get(f"{classifier_name(module)}.weight")
    if trained is None or trained.ndim != 2 or len(trained) == len(spec.classes):
        return module, spec
    spec = replace(spec, classes=libraries.numbered(len(trained)))
    return build(spec), spec
