"""Channels of very different sizes in front of SiLU, evened out in imported networks.

Cross-layer equalization (Nagel et al. 2019, arXiv:1906.04721) needs a homogeneous activation; here SiLU is
written out with a scale of each channel inside (:mod:`edgecnn.models.imported.gates`). It costs a depthwise
1x1 convolution a layer, so only layers that need it get one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from edgecnn.models.imported.gates import find_gates, is_depthwise, write_out
from edgecnn.models.imported.graph import ImportedGraph
from edgecnn.models.imported.network import ImportedNetwork

if TYPE_CHECKING:
    from torch import Tensor, nn

    from edgecnn.models.imported.gates import SiluGate
    from edgecnn.models.spec import ModelSpec

UNEVEN = 2.0
"""How many times the median channel's size the largest has at least, where a layer is written out."""

_ENDS = 3.0
"""How far below zero SiLU is worth levels: a channel that reaches below is cut there for the others' sake."""

_SHARE = 0.3
"""Of the way from the average of a channel's extremes on each image to those on all images."""

_SMALLEST = 1 / 256
_NOTHING = 1e-6
_MAX_IMAGES = 32


def even_out(
    module: nn.Module, spec: ModelSpec, images: Tensor
) -> tuple[nn.Module, ModelSpec, tuple[str, ...]]:
    """Write out the SiLUs whose channels differ most; other networks than imported ones stay as they are.

    Args:
        module: The network.
        spec: What it is.
        images: Calibration images, float32 ``[N, C, H, W]``; some of them are run.

    Returns:
        The network, which computes what it did, its spec, and the names of the layers that were written out.
    """
    if not isinstance(module, ImportedNetwork):
        return module, spec, ()
    graph, state = ImportedGraph.from_json(spec.arguments["graph"]), module.state_dict()
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
    return made, replace(spec, arguments=spec.arguments | {"graph": graph.to_json()}), tuple(scales)


def _scale(gate: SiluGate, extent: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Return by what to divide each channel, 1 for the widest.

    Where only depthwise layers read, whose weights have a scale a channel, activations are evened out wholly,
    else activations and weights alike (section 4.1 of the paper).
    """
    dense = [
        state[f"{reader.name}.weight"].abs().amax((0, 2, 3))
        for reader in gate.readers
        if not is_depthwise(reader)
    ]
    wanted = torch.sqrt(extent / torch.stack(dense).amax(0).clamp_min(_NOTHING)) if dense else extent
    return (wanted / wanted.max()).clamp(_SMALLEST, 1.0)


def _extents(module: ImportedNetwork, gates: list[SiluGate], images: Tensor) -> dict[str, Tensor]:
    """Return how far every channel in front of the gates reaches, ``[C]``, by the layer's name."""
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
