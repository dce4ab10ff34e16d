"""SiLU written as separate operations, so that each of its channels can have a scale.

``x * sigmoid(x)`` is not homogeneous: scaling a channel before it does not scale the channel behind it.
Channels of very different ranges, which share one int8 range, can therefore not be equalized as before a
ReLU. Written as ``u * sigmoid(s * u)`` with ``u = x / s`` they can: a depthwise 1x1 convolution before the
sigmoid multiplies by ``s``, the convolution before divides by ``s``, and those behind multiply by ``s``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.models.imported.graph import ImportedGraph, ImportedNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True)
class SiluGate:
    """A SiLU whose neighbours are all convolutions.

    Attributes:
        source: The convolution before it; its output has no other reader.
        silu: The activation.
        readers: The convolutions that read it; it has no other readers.
    """

    source: ImportedNode
    silu: ImportedNode
    readers: tuple[ImportedNode, ...]


def find_gates(graph: ImportedGraph) -> list[SiluGate]:
    """Return every SiLU that can be written as separate operations, in the order of execution."""
    makers = {name: node for node in graph.nodes for name in node.outputs}
    readers: dict[str, list[ImportedNode]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    found = []
    for node in graph.nodes:
        if node.operator != "Silu" or node.outputs[0] in graph.outputs:
            continue
        source, behind = makers.get(node.inputs[0]), readers.get(node.outputs[0], [])
        alone = len(readers[node.inputs[0]]) == 1 and node.inputs[0] not in graph.outputs
        convolutions = all(_scales_alone(reader) for reader in behind)
        if source is not None and source.operator == "Conv" and alone and behind and convolutions:
            found.append(SiluGate(source, node, tuple(behind)))
    return found


def is_depthwise(node: ImportedNode) -> bool:
    """Return whether each output channel of a convolution reads only the input channel of the same number."""
    outputs, inputs, *_ = node.weights["weight"]
    return inputs == 1 and outputs == node.attributes.get("group", 1)


def _scales_alone(node: ImportedNode) -> bool:
    """Return whether a node is a convolution whose weights can hold a scale of each input channel."""
    return node.operator == "Conv" and (is_depthwise(node) or node.attributes.get("group", 1) == 1)


def write_out(
    graph: ImportedGraph, state: Mapping[str, Tensor], scales: Mapping[str, Tensor]
) -> tuple[ImportedGraph, dict[str, Tensor]]:
    """Write SiLUs as separate operations; the network computes the same as before.

    Args:
        graph: The structure.
        state: Its weights.
        scales: Divisor of each channel, float32 ``[C]``, by the name of the SiLU's node.

    Returns:
        The new structure and its weights.
    """
    gates = {gate.silu.name: gate for gate in find_gates(graph) if gate.silu.name in scales}
    changed = dict(state)
    nodes: list[ImportedNode] = []
    for node in graph.nodes:
        if node.name not in gates:
            nodes.append(node)
            continue
        scale = scales[node.name]
        nodes += _written_out(node, len(scale))
        changed[f"{nodes[-3].name}.weight"] = scale.reshape(-1, 1, 1, 1).clone()
        _rescale(changed, gates[node.name], scale)
    return ImportedGraph(input=graph.input, outputs=graph.outputs, nodes=tuple(nodes)), changed


def _written_out(silu: ImportedNode, channels: int) -> list[ImportedNode]:
    argument, gate = f"{silu.outputs[0]}/argument", f"{silu.outputs[0]}/gate"
    scaling = ImportedNode(
        operator="Conv",
        name=f"{silu.name}_scale",
        inputs=silu.inputs,
        outputs=(argument,),
        attributes={"group": channels},
        weights={"weight": (channels, 1, 1, 1)},
    )
    return [
        scaling,
        ImportedNode(operator="Sigmoid", name=f"{silu.name}_gate", inputs=(argument,), outputs=(gate,)),
        ImportedNode(operator="Mul", name=silu.name, inputs=(*silu.inputs, gate), outputs=silu.outputs),
    ]


def _rescale(state: dict[str, Tensor], gate: SiluGate, scale: Tensor) -> None:
    source = f"{gate.source.name}.weight"
    state[source] = state[source] / scale.reshape(-1, 1, 1, 1)
    bias = f"{gate.source.name}.bias"
    if bias in state:
        state[bias] = state[bias] / scale
    for reader in gate.readers:
        key = f"{reader.name}.weight"
        shape = (-1, 1, 1, 1) if is_depthwise(reader) else (1, -1, 1, 1)
        state[key] = state[key] * scale.reshape(shape)
