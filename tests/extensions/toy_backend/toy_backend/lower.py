"""From a checkpoint to a float32 file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn

from edgecnn.backends.network import load_network
from edgecnn.core.errors import InputError
from toy_backend.file import Layer, Network, write

if TYPE_CHECKING:
    from pathlib import Path


def lower(checkpoint: Path, file: Path) -> Path:
    """Convert a checkpoint; return ``file``.

    Raises:
        InputError: The checkpoint is unusable, or its network is no chain of layers that the format has.
    """
    network = load_network(checkpoint)
    with torch.inference_mode():
        answer = network.module(network.example)
    if not isinstance(answer, torch.Tensor):
        raise InputError(f"{network.spec.builder} has several outputs, and a toy file has one")
    layers, arrays = [], {}
    for name, module in _chain(network.module, network.spec.builder):
        layers.append(_layer(name, module))
        if isinstance(module, nn.Conv2d | nn.Linear):
            bias = torch.zeros(len(module.weight)) if module.bias is None else module.bias
            arrays[f"{name}.weight"] = module.weight.detach().numpy()
            arrays[f"{name}.bias"] = bias.detach().numpy()
    shapes = tuple(network.example.shape), tuple(answer.shape)
    return write(Network(*shapes, tuple(layers), arrays), file)


def _chain(module: nn.Module, name: str) -> list[tuple[str, nn.Module]]:
    """Return the modules of a network in which each reads only the one before it."""
    traced = fx.symbolic_trace(module)
    before: Any = None
    found: list[tuple[str, nn.Module]] = []
    for node in traced.graph.nodes:
        if node.op == "output":
            return found
        if node.op == "call_module" and node.args == (before,):
            found.append((str(node.target), traced.get_submodule(str(node.target))))
        elif node.op != "placeholder" or before is not None:
            raise InputError(f"{name} cannot become a toy file: {node.name} is no layer of a chain")
        before = node
    return found


def _layer(name: str, module: nn.Module) -> Layer:
    match module:
        case nn.Conv2d(groups=1, dilation=(1, 1), stride=(stride, _), padding=(padding, _)):
            return Layer(name, "conv", stride=stride, padding=padding)
        case nn.Linear():
            return Layer(name, "linear")
        case nn.ReLU():
            return Layer(name, "relu")
        case nn.MaxPool2d(kernel_size=int(size), stride=int(stride), padding=0):
            return Layer(name, "max_pool", size=size, stride=stride)
        case nn.AdaptiveAvgPool2d(output_size=1):
            return Layer(name, "mean")
        case nn.Flatten():
            return Layer(name, "flatten")
    raise InputError(f"layer {name} is a {type(module).__name__}, for which a toy file has no form")
