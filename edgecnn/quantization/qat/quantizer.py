"""The int8 tensors of a training graph, by the rules that the runtimes' own quantizers share.

This is a quantizer for torchao's PT2E flow. It marks the tensor after every operation that a runtime executes
as one kernel: convolution with batch norm and ReLU, addition with ReLU, pooling, hard-swish, the two branches
and the product of squeeze-and-excitation. The effect of an operation on a scale is defined in
:mod:`edgecnn.quantization.rules`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torchao.quantization.pt2e.quantizer import (
    QuantizationAnnotation,
    QuantizationSpec,
    Quantizer,
    SharedQuantizationSpec,
)

from edgecnn.quantization.grids import MAX_WEIGHT
from edgecnn.quantization.operators import FUSED, is_operator
from edgecnn.quantization.qat.fake_quantize import (
    HIGHEST,
    LOWEST,
    ActivationFakeQuantize,
    PerChannelWeightFakeQuantize,
)
from edgecnn.quantization.rules import Rule, is_part_of_split, rule_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from torch import fx

    from edgecnn.quantization.graph import Kind
    from edgecnn.quantization.kernels import Scheme

_ANNOTATION = "quantization_annotation"

ACTIVATION = QuantizationSpec(
    dtype=torch.int8,
    quant_min=LOWEST,
    quant_max=HIGHEST,
    qscheme=torch.per_tensor_affine,
    observer_or_fake_quant_ctr=ActivationFakeQuantize,
)


class EdgeQuantizer(Quantizer):  # type: ignore[misc]
    """Annotator of a graph for int8 kernels.

    Args:
        kinds: Kind of every convolution and fully connected layer, by its node's name.
        sums: Nodes of a layer's sum before the activation: its batch norm, if it has one.
        scheme: The grid of the weights.
    """

    def __init__(self, kinds: Mapping[str, Kind], sums: Collection[str], scheme: Scheme) -> None:
        super().__init__()
        self._kinds = kinds
        self._sums = frozenset(sums)
        self._scheme = scheme

    def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
        """Mark the int8 tensors in every node's metadata."""
        for node in model.graph.nodes:
            if node.name in self._kinds:
                self._layer(node)
            elif node.name in self._sums:
                _mark(node, {}, _output(node))
            elif is_part_of_split(node):
                split = node.args[0]
                _mark(node, {}, SharedQuantizationSpec((split.args[0], split)))
            else:
                _operation(node)
        return model

    def validate(self, model: fx.GraphModule) -> None:
        """Accept every graph: operations without a rule stay in float."""

    def _layer(self, node: fx.Node) -> None:
        images, weight = cast("tuple[fx.Node, ...]", node.args[:2])
        spec = QuantizationSpec(
            dtype=torch.int8,
            quant_min=-MAX_WEIGHT,
            quant_max=MAX_WEIGHT,
            qscheme=torch.per_channel_symmetric,
            ch_axis=0,
            observer_or_fake_quant_ctr=PerChannelWeightFakeQuantize.with_args(
                kind=self._kinds[node.name], scheme=self._scheme
            ),
        )
        _mark(node, {images: ACTIVATION, weight: spec}, _output(node) if node.name in self._sums else None)


def _operation(node: fx.Node) -> None:
    """Mark the tensors of an operation without weights."""
    match rule_of(node):
        case Rule.CLIPS:
            _mark(node, {}, ACTIVATION)
        case Rule.JOINS:
            _concatenation(node)
        case Rule.MOVES:
            first = cast("fx.Node", node.args[0])
            _mark(node, {first: ACTIVATION}, SharedQuantizationSpec((first, node)))
        case Rule.SPLITS:
            _mark(node, {cast("fx.Node", node.args[0]): ACTIVATION}, None)
        case Rule.COMPUTES:
            _mark(node, dict.fromkeys(_computed(node), ACTIVATION), _output(node))


def _mark(node: fx.Node, inputs: dict[fx.Node, QuantizationSpec], output: QuantizationSpec | None) -> None:
    node.meta[_ANNOTATION] = QuantizationAnnotation(
        input_qspec_map=inputs, output_qspec=output, _annotated=True
    )


def _output(node: fx.Node) -> QuantizationSpec | None:
    """Return the annotation of a kernel's result; None if the kernel applies a ReLU before it writes."""
    users = list(node.users)
    return None if len(users) == 1 and is_operator(users[0], FUSED) else ACTIVATION


def _computed(node: fx.Node) -> list[fx.Node]:
    """Return the node's inputs except parameters: those of a separate batch norm stay in float."""
    return [item for item in node.all_input_nodes if item.op != "get_attr"]


def _concatenation(node: fx.Node) -> None:
    first, *others = cast("list[fx.Node]", node.args[0])
    shared = SharedQuantizationSpec((first, node))
    _mark(node, {first: ACTIVATION, **dict.fromkeys(others, shared)}, shared)
