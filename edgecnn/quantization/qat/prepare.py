"""Conversion of a network into a graph that computes in training as int8 kernels will."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import fx, nn
from torchao.quantization.pt2e.prepare import prepare as insert_fake_quantize

from edgecnn.core.errors import InputError
from edgecnn.quantization.graph import trace
from edgecnn.quantization.qat.network import GraphNetwork
from edgecnn.quantization.qat.quantizer import EdgeQuantizer

if TYPE_CHECKING:
    from torch import Tensor

    from edgecnn.quantization.graph import FusedLayer, Graph
    from edgecnn.quantization.kernels import Scheme

_SMALLEST_GAMMA = 1e-6


def prepare(module: nn.Module, example: Tensor, scheme: Scheme | None) -> GraphNetwork:
    """Copy a network into a graph that can be trained, with or without fake quantization.

    Dropout and stochastic depth are left out: they widen the observed ranges, and a short fine-tuning does
    not need them. The graph without fake quantization is the control: it does not differ otherwise.

    Args:
        module: The network; it is put into evaluation mode and otherwise not changed.
        example: An input, float32 ``[1, C, H, W]``.
        scheme: Scheme of the weights' grid; None keeps everything in float.

    Returns:
        A network whose state dictionary holds the module's parameters and buffers under their own names.

    Raises:
        InputError: The network cannot be traced, or only takes single images.
    """
    traced = trace(module, example)
    if traced.batch is not None:
        raise InputError(
            f"{type(module).__name__} takes {traced.batch} image at a time and cannot be trained in batches",
            hint="its code must not fix the size of the first dimension",
        )
    graph = _owning(traced, copy.deepcopy(module))
    if scheme is not None:
        _fold_batch_norms(graph, traced.layers)
        kinds = {layer.node: layer.kind for layer in traced.layers}
        quantizer = EdgeQuantizer(kinds, [layer.sum for layer in traced.layers], scheme)
        # Like prepare_qat_pt2e without its batch norm patterns, which take half a minute and are not needed
        # here.
        graph = insert_fake_quantize(quantizer.annotate(graph), {}, is_qat=True)
        _name_shared_once(graph)
    return GraphNetwork(graph)


def _owning(traced: Graph, module: nn.Module) -> fx.GraphModule:
    """Return the traced program with its own parameters instead of parameters as inputs."""
    graph = copy.deepcopy(traced.program).graph
    keys = dict(traced.keys)
    for number, (name, value) in enumerate(traced.constants.items()):
        keys[name] = f"constant_{number}"
        module.register_buffer(keys[name], value, persistent=False)
    for node in list(graph.nodes):
        if node.op == "placeholder" and node.name in keys:
            with graph.inserting_before(node):
                owned = graph.create_node("get_attr", keys[node.name])
            owned.meta = dict(node.meta)
            node.replace_all_uses_with(owned)
            graph.erase_node(node)
    return fx.GraphModule(module, graph)


def _name_shared_once(graph: fx.GraphModule) -> None:
    """Give a shared range a single name, so that averages and snapshots contain it once."""
    names: dict[int, str] = {}
    for node in graph.graph.nodes:
        if node.op != "call_module":
            continue
        own = str(node.target)
        first = names.setdefault(id(graph.get_submodule(own)), own)
        if own != first:
            node.target = first
            graph.delete_submodule(own)
    graph.recompile()


def _fold_batch_norms(graph: fx.GraphModule, layers: tuple[FusedLayer, ...]) -> None:
    """Scale weights by their batch norm's factor, so that training rounds the values that a runtime holds.

    The convolution's result is scaled back and then normalized by the batch as usual (Krishnamoorthi 2018,
    arXiv:1806.08342, section 3.2.2, with its correction of running against batch statistics). torchao's
    rewrite of this pattern always uses an eps of 1e-5 and a momentum of 0.1; here both stay as they are.
    """
    nodes = {node.name: node for node in graph.graph.nodes}
    for layer in layers:
        if layer.batch_norm is None:
            continue
        conv, norm = nodes[layer.node], nodes[layer.sum]
        _, gamma, _, _, variance = norm.args[:5]
        bias = conv.args[2] if len(conv.args) > 2 else None
        with graph.graph.inserting_before(conv):
            factor = graph.graph.call_function(folding_factor, (gamma, variance, layer.batch_norm.eps))
            weight = graph.graph.call_function(scaled, (conv.args[1], factor))
        conv.args = (conv.args[0], weight, None, *conv.args[3:])
        with graph.graph.inserting_before(norm):
            sums = graph.graph.call_function(scaled_back, (conv, factor, bias))
        norm.update_arg(0, sums)
    graph.recompile()


def folding_factor(gamma: Tensor | None, variance: Tensor, eps: float) -> Tensor:
    """Return the factor of a batch norm for each channel, ``[O]``, never zero."""
    inverse = torch.rsqrt(variance + eps)
    if gamma is None:
        return inverse
    return torch.where(gamma.abs() < _SMALLEST_GAMMA, _SMALLEST_GAMMA, gamma) * inverse


def scaled(weight: Tensor, factor: Tensor) -> Tensor:
    """Multiply weights ``[O, ...]`` by a factor per output channel."""
    return weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))


def scaled_back(sums: Tensor, factor: Tensor, bias: Tensor | None) -> Tensor:
    """Divide sums ``[N, O, H, W]`` by a factor per channel, and add the convolution's own bias."""
    plain = sums / factor.reshape(1, -1, 1, 1)
    return plain if bias is None else plain + bias.reshape(1, -1, 1, 1)
