"""Equalization of channels with very different ranges before SiLU, in imported networks.

Cross-layer equalization (Nagel et al. 2019, arXiv:1906.04721) needs a homogeneous activation; here SiLU is
written as separate operations with a scale per channel (:mod:`edgecnn.models.imported.gates`). This adds a
depthwise 1x1 convolution per layer, so only layers that need it are changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edgecnn.models.imported.gates import find_gates, is_depthwise, write_out
from edgecnn.models.imported.network import ImportedNetwork

if TYPE_CHECKING:
    from torch import Tensor, nn

    from edgecnn.models.imported.gates import SiluGate
    from edgecnn.models.spec import ModelSpec

UNEVEN = 2.0
"""Least ratio of the largest to the median channel range of a layer that is changed."""

_ENDS = 3.0
"""Lowest SiLU input with int8 levels; lower values are clipped to keep other channels' precision."""

_SHARE = 0.3
"""Position between the mean of a channel's extremes per image (0) and those over all images (1)."""

_SMALLEST = 1 / 256
_NOTHING = 1e-6
_MAX_IMAGES = 32


def even_out(
    module: nn.Module, spec: ModelSpec, images: Tensor
) -> tuple[nn.Module, ModelSpec, tuple[str, ...]]:
    """Equalize the SiLUs whose channels differ most; networks that are not imported stay as they are.

    Args:
        module: The network.
        spec: Its spec.
        images: Calibration images, float32 ``[N, C, H, W]``; some of them are run.

    Returns:
        The network, which computes the same as before, its spec, and the names of the changed layers.
    """
    if not isinstance(module, ImportedNetwork):
        return module, spec, ()
    graph, state = module.graph, module.state_dict()
    gates = find_gates(graph)
    extents = _extents(module, gates, images[:: max(1, len(images) // _MAX_IMAGES)])
    scales = {}
    for gate in gates:
        extent = extents[gate.source.name].clamp_min(_NOTHING)
        if float(extent.max() / extent.median()) > UNEVEN:
            scales[gate.silu.name] = _scale(gate, extent, state)
    if not scales:
        return module, spec, ()
    graph, state = write_out(graph, state, scales)
    made = ImportedNetwork(graph).eval()
    made.load_state_dict(state)
    return made, spec.with_arguments({"graph": graph.to_json()}), tuple(scales)


def _scale(gate: SiluGate, extent: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Return the divisor of each channel, 1 for the widest.

    If only depthwise layers read the channels, whose weights have a scale per channel, activations are
    equalized completely; otherwise activations and weights share the scaling (section 4.1 of the paper).
    """
    dense = [
        state[f"{reader.name}.weight"].abs().amax((0, 2, 3))
        for reader in gate.readers
        if not is_depthwise(reader)
    ]
    wanted = torch.sqrt(extent / torch.stack(dense).amax(0).clamp_min(_NOTHING)) if dense else extent
    return (wanted / wanted.max()).clamp(_SMALLEST, 1.0)


def _extents(module: ImportedNetwork, gates: list[SiluGate], images: Tensor) -> dict[str, Tensor]:
    """Return the range of every channel before the gates, ``[C]``, by the layer's name."""
    reached: dict[str, list[Tensor]] = {gate.source.name: [] for gate in gates}

    def watch(name: str) -> torch.utils.hooks.RemovableHandle:
        def seen(_layer: nn.Module, _inputs: object, value: Tensor) -> None:
            below = (-value.amin((0, 2, 3))).clamp(0.0, _ENDS)
            reached[name].append(torch.maximum(value.amax((0, 2, 3)), below))

        return module.get_submodule(name).register_forward_hook(seen)

    handles = [watch(gate.source.name) for gate in gates]
    with torch.no_grad():
        for image in images:
            module(image[None])
    for handle in handles:
        handle.remove()
    images_by_name = {name: torch.stack(extents) for name, extents in reached.items()}
    return {
        name: extents.mean(dim=0).lerp(extents.amax(dim=0), _SHARE)
        for name, extents in images_by_name.items()
    }
