"""Widths of layers as data, with which the original builder can rebuild a pruned network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgecnn.core.documents.source import Width
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

Layer = nn.Conv2d | nn.Linear | _BatchNorm | nn.PReLU
LAYERS = (nn.Conv2d, nn.Linear, _BatchNorm, nn.PReLU)
"""Layers with channels of their own; all other layers adapt to their input."""

_HINT = "the checkpoint was made for another network, or its spec.json was changed: prune the network again"
_SHOWN = 80
_STATE = ("weight", "bias", "running_mean", "running_var")


def channels_of(layer: Layer) -> tuple[int, int]:
    """Return the numbers of input and output channels.

    >>> channels_of(nn.Conv2d(3, 8, 1)), channels_of(nn.BatchNorm2d(8))
    ((3, 8), (8, 8))
    """
    if isinstance(layer, nn.Conv2d):
        return layer.in_channels, layer.out_channels
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    count = layer.num_features if isinstance(layer, _BatchNorm) else layer.num_parameters
    return count, count


def is_depthwise(layer: nn.Module) -> bool:
    """Return whether a layer is a convolution that filters every channel separately."""
    return isinstance(layer, nn.Conv2d) and 1 < layer.groups == layer.in_channels == layer.out_channels


def differing_widths(module: nn.Module, built: nn.Module) -> dict[str, Width]:
    """Return the widths that differ from the builder's network, by qualified layer name.

    Args:
        module: The network.
        built: The builder's network with the same layers.
    """
    layers = dict(built.named_modules())
    found = {}
    for name, layer in module.named_modules():
        if not isinstance(layer, LAYERS):
            continue
        original = layers[name]
        assert isinstance(original, LAYERS)  # noqa: S101 - both come from one builder
        pairs = zip(channels_of(layer), channels_of(original), strict=True)
        inputs, outputs = (own if own != other else None for own, other in pairs)
        if inputs is not None or outputs is not None:
            found[name] = Width(inputs=inputs, outputs=outputs)
    return found


def narrow(module: nn.Module, widths: Mapping[str, Width]) -> None:
    """Reduce layers of a newly built network to their pruned widths, in place.

    Widths may come from an untrusted file: a layer can only become narrower, so that a file cannot request
    more memory than the network itself needs.

    Raises:
        InputError: A layer does not exist, has no width, or cannot have the requested one.
    """
    for name, width in widths.items():
        try:
            layer = module.get_submodule(name)
        except AttributeError:
            raise InputError(
                f"the network has no layer {name[:_SHOWN]!r} to be narrowed", hint=_HINT
            ) from None
        if not isinstance(layer, LAYERS):
            raise InputError(f"{name[:_SHOWN]} is a {type(layer).__name__}, which has no width", hint=_HINT)
        inputs, outputs = channels_of(layer)
        wanted = (width.inputs or inputs, width.outputs or outputs)
        groups = wanted[0] if is_depthwise(layer) else getattr(layer, "groups", 1)
        fits = wanted[0] <= inputs and wanted[1] <= outputs
        whole = wanted[0] % groups == 0 == wanted[1] % groups
        if not fits or not whole or (_is_one_width(layer) and wanted[0] != wanted[1]):
            raise InputError(
                f"{name} of {inputs} input and {outputs} output channels cannot be narrowed to "
                f"{wanted[0]} and {wanted[1]}",
                hint=_HINT,
            )
        _resize(layer, *wanted, groups)


def _is_one_width(layer: Layer) -> bool:
    return is_depthwise(layer) or isinstance(layer, _BatchNorm | nn.PReLU)


def _resize(layer: Layer, inputs: int, outputs: int, groups: int) -> None:
    """Keep the first channels of a layer's weights and update its attributes."""
    values: dict[str, int]
    if isinstance(layer, nn.Conv2d):
        values = {"in_channels": inputs, "out_channels": outputs, "groups": groups}
    elif isinstance(layer, nn.Linear):
        values = {"in_features": inputs, "out_features": outputs}
    else:
        values = {"num_features" if isinstance(layer, _BatchNorm) else "num_parameters": outputs}
    for name, value in values.items():
        setattr(layer, name, value)
    for name in _STATE:
        old: Tensor | None = getattr(layer, name, None)
        if old is None:
            continue
        new = old.detach()[:outputs]
        if new.ndim > 1:
            new = new[:, : inputs // groups]
        new = new.clone()
        setattr(layer, name, nn.Parameter(new) if isinstance(old, nn.Parameter) else new)
