"""Building of a network and its changed copies as int8 files, in a child process that imports torch.

Weights are random and the same for every variant as far as its shapes allow, so that only the change makes a
difference: the compression of weights by a compiler depends on their values.
"""

from __future__ import annotations

import inspect
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from edgecnn.backends.network import try_network
from edgecnn.backends.registry import find_compiler, find_format, load
from edgecnn.core.documents.source import NetworkOrigin
from edgecnn.core.doing import say
from edgecnn.core.errors import EdgecnnError, InputError, UsageError
from edgecnn.core.files import is_dir, is_file
from edgecnn.core.named_code import require_named
from edgecnn.core.store.manifest import NAME, Artifact
from edgecnn.models import zoo
from edgecnn.models.build import build
from edgecnn.models.resolve import resolve_model
from edgecnn.models.spec import ModelSpec
from edgecnn.models.spec_file import read_spec
from edgecnn.pipeline.advice.change import LANES, Facts, VariantRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from edgecnn.core.documents.advice import Change

_WIDTHS = (0.9, 0.95, 1.05, 1.1, 1.15, 1.25)
"""Multiples of a network's width that are tried to get suitable channel counts."""

_MOBILENETV2_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Rows ``(expansion, channels, repeats, stride)``, which torchvision only has inside its constructor."""


def describe(request: VariantRequest) -> Facts:
    """Find a network and write it unchanged as the file ``original``.

    Raises:
        EdgecnnError: The network cannot be found, built or converted.
    """
    spec = _spec(request)
    module = _built(spec)
    facts = _facts(module, spec)
    _write(module, spec, request.compiler, request.out / "original")
    return facts


def write_variants(request: VariantRequest) -> list[str | None]:
    """Write a network with each of several changes as the files ``0``, ``1``, ...

    Returns:
        The reason why each change could not be made, or None if its file was written.
    """
    spec = _spec(request)
    reasons: list[str | None] = []
    for index, change in enumerate(request.changes):
        say(f"building change {index + 1} of {len(request.changes)}: {change.name}")
        try:
            _write(*_changed(spec, change), request.compiler, request.out / str(index))
            reasons.append(None)
        except EdgecnnError as error:
            reasons.append(error.message)
    return reasons


def _spec(request: VariantRequest) -> ModelSpec:
    """Return the spec of a network, with the arguments of a request in place of its own."""
    directory = Path(request.reference)
    if is_file(directory / NAME):
        found = _artifact_spec(Artifact.open(directory))
    elif is_dir(directory):
        found = read_spec(directory)
    else:
        _, found = resolve_model(request.reference, arguments=request.arguments)
    return found.with_arguments(request.arguments)


def _artifact_spec(artifact: Artifact) -> ModelSpec:
    """Return the spec of the network that an artifact was made from."""
    manifest = artifact.manifest
    require_named(manifest.source.builder, str(artifact.directory / NAME))
    origin = {name: getattr(manifest.source, name) for name in NetworkOrigin.model_fields}
    classes = tuple(manifest.classes)
    return ModelSpec(**origin, contract=artifact.contract, classes=classes, task=manifest.task)


def _built(spec: ModelSpec) -> nn.Module:
    torch.manual_seed(0)
    return build(spec)


def _write(module: nn.Module, spec: ModelSpec, compiler: str, name: Path) -> None:
    """Write a network as a compiler's input file, with the format's suffix after its name."""
    record = find_compiler(compiler)
    write = load(record.nominal, record.origin)
    write(try_network(module, spec), name.with_suffix(find_format(record.format).suffix))


def _changed(spec: ModelSpec, change: Change) -> tuple[nn.Module, ModelSpec]:
    contract = spec.contract if change.size is None else spec.contract.with_size(*change.size)
    spec = spec.with_arguments(change.arguments).model_copy(update={"contract": contract})
    module = _built(spec)
    replace_activations(module, change.activations)
    if change.resize is not None:
        for layer in module.modules():
            if isinstance(layer, nn.Upsample):
                layer.mode, layer.align_corners = change.resize, None
    return module, spec


def replace_activations(module: nn.Module, classes: Mapping[str, str]) -> int:
    """Replace activations in place; return their number.

    Args:
        module: The network.
        classes: Class names of modules, with the class of ``torch.nn`` that replaces each.
    """
    count = 0
    for name, child in list(module.named_children()):
        wanted = classes.get(type(child).__name__)
        if wanted is None:
            count += replace_activations(child, classes)
        else:
            setattr(module, name, getattr(nn, wanted)())
            count += 1
    return count


def _facts(module: nn.Module, spec: ModelSpec) -> Facts:
    ragged, total = _ragged(module)
    return Facts(
        modules=dict(Counter(type(layer).__name__ for layer in module.modules())),
        height=spec.contract.height,
        width=spec.contract.width,
        ragged=ragged,
        convolutions=total,
        even_arguments=_even_arguments(spec, ragged) if ragged else None,
    )


def _ragged(module: nn.Module) -> tuple[int, int]:
    """Return the number of convolutions with incomplete channel groups, and of all convolutions."""
    channels = [layer.out_channels for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    return sum(count % LANES != 0 for count in channels), len(channels)


def _even_arguments(spec: ModelSpec, ragged: int) -> dict[str, JsonValue] | None:
    """Return the builder's arguments with the fewest ragged layers; None if no others have fewer."""
    found: list[tuple[int, dict[str, JsonValue]]] = []
    for arguments in _candidates(spec):
        try:
            left, _ = _ragged(_built(spec.with_arguments(arguments)))
        except (UsageError, InputError):
            continue  # the builder lacks this width, or a pruned network's channels do not fit it
        found.append((left, arguments))
    best = min(found, key=lambda item: item[0], default=None)
    return None if best is None or best[0] >= ragged else best[1]


def _candidates(spec: ModelSpec) -> list[dict[str, JsonValue]]:
    entry = zoo.entry_of(spec.builder)
    if entry is None:
        return []
    parameters = inspect.signature(zoo.import_function(entry.builder)).parameters
    candidates: list[dict[str, JsonValue]] = []
    if "stages" in parameters:
        stages: Any = spec.arguments.get("stages") or _MOBILENETV2_STAGES
        even: list[JsonValue] = [
            [row[0], max(LANES, round(row[1] / LANES) * LANES), *row[2:]] for row in stages
        ]
        candidates.append({"stages": even})
    if "width" in parameters:
        width: Any = spec.arguments.get("width", 1.0)
        candidates += [{"width": round(width * factor, 4)} for factor in _WIDTHS]
    return candidates
