"""The layers of a network in the order of execution, and how they are connected.

Algorithms that change weights need more than a ``torch.nn.Module`` shows: which batch norm follows which
convolution, which activation is fused to it, and which layers read its output. The network is exported once
with ``torch.export``. Parameters keep their names from the checkpoint, so that results are written back to
the module itself and no converted graph has to be saved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

import torch

from edgecnn.core.errors import InputError
from edgecnn.core.text import first_line
from edgecnn.quantization.operators import (
    ACTIVATIONS,
    CONVOLUTIONS,
    FUSED,
    LINEAR,
    NORMALIZATIONS,
    Target,
    arguments,
    clean,
    is_operator,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, fx, nn
    from torch.export import ExportedProgram

Kind = Literal["conv", "depthwise", "grouped", "linear"]


@dataclass(frozen=True)
class BatchNorm:
    """The batch norm that follows a convolution, by the keys of its tensors in the state dict.

    Attributes:
        scale: Key of gamma; None if there is none.
        shift: Key of beta; None if there is none.
        mean: Key of the running mean.
        variance: Key of the running variance.
        eps: Constant that is added to the variance.
    """

    scale: str | None
    shift: str | None
    mean: str
    variance: str
    eps: float


@dataclass(frozen=True)
class FusedLayer:
    """A convolution or a fully connected layer, with the operations that runtimes fuse to it.

    Attributes:
        name: The module's qualified name, such as ``features.0.0``, followed by the layer's number if a
            module is executed more than once.
        kind: ``depthwise`` means one input channel per group and as many groups as outputs.
        weight: Key of its weights in the state dict, ``[O, I / groups, kh, kw]`` or ``[O, I]``.
        bias: Key of its bias; None if it has none.
        batch_norm: The batch norm after it; None if it has none of its own.
        activation: The activation that alone reads its output: ``none``, ``relu``, ``relu6``, ``hardswish``,
            ...
        groups: Number of groups, 1 for a fully connected layer.
        shared: Whether another layer has the same weights, so that neither can be changed by itself.
        node: The convolution's node in the graph.
        sum: The node of the sum before the activation: the batch norm, or the convolution.
        output: The node whose value a runtime writes: ``relu`` and ``relu6`` are fused, others are not.
        producers: Names of the layers whose outputs reach this layer through no other layer.
        consumers: Names of the layers that its output reaches through no other layer.
    """

    name: str
    kind: Kind
    weight: str
    bias: str | None
    batch_norm: BatchNorm | None
    activation: str
    groups: int
    shared: bool
    node: str
    sum: str
    output: str
    producers: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """A traced network.

    Attributes:
        program: ATen operations, without in-place operations and those that only training needs.
        keys: Keys in the module of the placeholders of parameters and buffers.
        constants: Values of the placeholders of tensors outside the module's state.
        input: Placeholder of the images.
        batch: The only batch size that the program takes; None if it takes any.
        layers: The layers in the order of execution.
    """

    program: fx.GraphModule
    keys: dict[str, str]
    constants: dict[str, Tensor]
    input: str
    batch: int | None
    layers: tuple[FusedLayer, ...]

    def __getitem__(self, name: str) -> FusedLayer:
        """Return the layer of that name.

        Raises:
            InputError: There is no such layer.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise InputError(f"the network has no layer {name!r}", hint=f"its first: {self.layers[0].name}")

    def state(self, module: nn.Module) -> dict[str, Tensor]:
        """Return the current value in the module of every placeholder except the input."""
        held = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        return {name: held[key].detach() for name, key in self.keys.items()} | self.constants


def trace(module: nn.Module, example: Tensor) -> Graph:
    """Export a network in evaluation mode and list its layers.

    Args:
        module: The network; it is put into evaluation mode and otherwise not changed.
        example: An input, float32 ``[1, C, H, W]``.

    Raises:
        InputError: The network cannot be exported, changes its own state, holds weights that are not finite,
            or has neither a convolution nor a fully connected layer.
    """
    _check_finite(module)
    program, batch = _export(module.eval(), example)
    signature = program.graph_signature
    if signature.buffers_to_mutate:
        changed = next(iter(signature.buffers_to_mutate.values()))
        raise InputError(f"{type(module).__name__} changes its own {changed} while it runs")
    graph_module = program.graph_module
    clean(graph_module)
    keys = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    constants = {
        name: cast("Tensor", program.constants[key])
        for name, key in signature.inputs_to_lifted_tensor_constants.items()
    }
    held = {*dict(module.named_parameters()), *dict(module.named_buffers())}
    if len(signature.user_inputs) != 1 or not set(keys.values()) <= held:
        raise InputError(f"{type(module).__name__} does not take exactly one tensor of images")
    layers = _layers(graph_module, keys)
    if not layers:
        raise InputError(f"{type(module).__name__} has neither a convolution nor a fully connected layer")
    return Graph(graph_module, keys, constants, str(signature.user_inputs[0]), batch, layers)


def _check_finite(module: nn.Module) -> None:
    for key, value in (*module.named_parameters(), *module.named_buffers()):
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise InputError(
                f"{key} holds values that are not finite",
                hint="the weights are damaged; train or fetch them again",
            )


def _export(module: nn.Module, example: Tensor) -> tuple[ExportedProgram, int | None]:
    """Export for any batch size, or for single images if the network requires a fixed batch."""
    pair = example.expand(2, *example.shape[1:]).contiguous()
    shapes = ({0: torch.export.Dim.AUTO},)
    with torch.no_grad():
        try:
            program = torch.export.export(module, (pair,), dynamic_shapes=shapes)
            if not isinstance(_batch_size(program), int):
                return program, None
        except (RuntimeError, ValueError, NotImplementedError):
            pass  # the export for a single image reports the error
        try:
            return torch.export.export(module, (example,)), 1
        # torch.export has no base class of errors; its errors and those of its tracers derive from these.
        except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
            raise InputError(
                f"{type(module).__name__} cannot be traced: {first_line(error)}",
                hint="torch.export must accept the network: no Python branches on the values of tensors",
            ) from error


def _batch_size(program: ExportedProgram) -> int | torch.SymInt:
    (name,) = program.graph_signature.user_inputs
    node = next(node for node in program.graph.nodes if node.name == name)
    return cast("int | torch.SymInt", node.meta["val"].shape[0])


def _layers(program: fx.GraphModule, keys: Mapping[str, str]) -> tuple[FusedLayer, ...]:
    found: dict[str, FusedLayer] = {}
    for node in program.graph.nodes:
        if is_operator(node, CONVOLUTIONS | LINEAR):
            weight = arguments(node)[1]
            if weight.name in keys:  # computed weights cannot be changed
                found[node.name] = _layer(node, keys, len(found))
    return _connected(program, found)


def _layer(node: fx.Node, keys: Mapping[str, str], number: int) -> FusedLayer:
    _, weight, bias, *_ = (*arguments(node), None)
    repeated = len(weight.users) > 1
    name = keys[weight.name].removesuffix(".weight")
    norm = None if repeated else _norm_after(node, keys)
    last = node if norm is None else norm[0]
    activation = _activation_after(last)
    kind, groups = _kind(node)
    return FusedLayer(
        name=f"{name}#{number}" if repeated else name,
        kind=kind,
        weight=keys[weight.name],
        bias=None if bias is None else keys.get(bias.name),
        batch_norm=None if norm is None else norm[1],
        activation="none" if activation is None else ACTIVATIONS[cast("Target", activation.target)],
        groups=groups,
        shared=repeated,
        node=node.name,
        sum=last.name,
        output=activation.name if activation is not None and is_operator(activation, FUSED) else last.name,
    )


def _kind(node: fx.Node) -> tuple[Kind, int]:
    if is_operator(node, LINEAR):
        return "linear", 1
    _, weight, *rest = arguments(node)
    outputs, inputs = weight.meta["val"].shape[:2]
    groups = int(rest[4]) if len(rest) > 4 else 1
    if groups == 1:
        return "conv", 1
    return ("depthwise" if inputs == 1 and outputs == groups else "grouped"), groups


def _norm_after(node: fx.Node, keys: Mapping[str, str]) -> tuple[fx.Node, BatchNorm] | None:
    """Return the batch norm that alone reads a convolution, if its tensors are not used elsewhere."""
    user = _only_user(node)
    if user is None or not is_operator(user, NORMALIZATIONS):
        return None
    source, *tensors, training, _, eps = arguments(user)[:8]
    owned = all(tensor is None or (tensor.name in keys and len(tensor.users) == 1) for tensor in tensors)
    scale, shift, mean, variance = (None if tensor is None else keys.get(tensor.name) for tensor in tensors)
    if source is not node or training or not owned or mean is None or variance is None:
        return None
    return user, BatchNorm(scale, shift, mean, variance, float(eps))


def _activation_after(node: fx.Node) -> fx.Node | None:
    user = _only_user(node)
    return user if user is not None and is_operator(user, ACTIVATIONS) else None


def _only_user(node: fx.Node) -> fx.Node | None:
    users = list(node.users)
    return users[0] if len(users) == 1 else None


def _connected(program: fx.GraphModule, found: Mapping[str, FusedLayer]) -> tuple[FusedLayer, ...]:
    """Set producers and consumers by following every tensor through operations that are not layers."""
    sources: dict[str, frozenset[str]] = {}
    producers: dict[str, frozenset[str]] = {}
    for node in program.graph.nodes:
        reached = frozenset[str]().union(*(sources[item.name] for item in node.all_input_nodes))
        if node.name in found:
            producers[node.name] = sources[node.all_input_nodes[0].name]
            reached = frozenset({node.name})
        sources[node.name] = reached
    order = {node: index for index, node in enumerate(found)}
    names = {node: layer.name for node, layer in found.items()}

    def named(nodes: frozenset[str]) -> tuple[str, ...]:
        return tuple(names[node] for node in sorted(nodes, key=order.__getitem__))

    return tuple(
        replace(
            layer,
            producers=named(producers[node]),
            consumers=named(frozenset(other for other in found if node in producers[other])),
        )
        for node, layer in found.items()
    )
