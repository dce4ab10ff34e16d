"""Loading of the network to be lowered, with one trial run. Imports torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from edgecnn.core.errors import InputError
from edgecnn.core.text import first_line
from edgecnn.models.checkpoint import load_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.models.spec import ModelSpec


@dataclass(frozen=True)
class Network:
    """A network that accepts its contract's input.

    Attributes:
        module: In evaluation mode, on the CPU, in torch's contiguous layout.
        spec: Its spec.
        outputs: Names of its outputs in exported files.
        maps: Indices of the outputs that are maps, ``[1, C, H, W]``.
    """

    module: nn.Module
    spec: ModelSpec
    outputs: tuple[str, ...]
    maps: tuple[int, ...] = ()

    @property
    def example(self) -> torch.Tensor:
        """Return an input of zeros, float32 ``[1, C, H, W]``."""
        contract = self.spec.contract
        return torch.zeros(1, contract.channels, contract.height, contract.width)


def load_network(checkpoint: Path) -> Network:
    """Load a checkpoint for export and run it once.

    Raises:
        InputError: The checkpoint cannot be read, the network does not accept an input of its contract's
            size, or it returns something other than finite tensors.
    """
    return try_network(*load_checkpoint(checkpoint))


def try_network(module: nn.Module, spec: ModelSpec) -> Network:
    """Run a network once to check that it accepts its contract's input.

    Raises:
        InputError: It does not, or it returns something other than finite tensors.
    """
    # A network trained in channels_last keeps its strides, which exporters would turn into layout changes.
    module = module.to(memory_format=torch.contiguous_format).eval()
    network = Network(module, spec, ())
    size = "x".join(map(str, network.example.shape[1:]))
    try:
        with torch.inference_mode():
            answer = module(network.example)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{spec.builder} does not take an input of {size}: {reason(error)}") from error
    outputs = (answer,) if isinstance(answer, torch.Tensor) else tuple(answer)
    if not outputs or not all(isinstance(output, torch.Tensor) for output in outputs):
        raise InputError(
            f"{spec.builder} returns {type(answer).__name__}, not a tensor or a tuple of tensors",
            hint="return a tensor, or a flat tuple of them, from forward: a file has no names or nesting",
        )
    if not all(bool(torch.isfinite(output).all()) for output in outputs):
        raise InputError(f"{spec.builder} returns values that are not finite", hint="its weights are damaged")
    names = ("output",) if len(outputs) == 1 else tuple(f"output_{index}" for index in range(len(outputs)))
    maps = tuple(place for place, output in enumerate(outputs) if output.ndim == _MAP)
    return Network(module, spec, names, maps)


def reason(error: BaseException) -> str:
    """Return a vendor's reason in one line: that of the root error, or its type if it has no message."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)


def modules_behind(text: str, network: Network) -> str:
    """Return which modules of the user's network use an operator that a converter's error names.

    Converters name ATen operators, such as ``aten.adaptive_max_pool2d``, or those that they are taken apart
    into. The exported graph knows the module of each.

    Args:
        text: The error's reason.
        network: The network that was converted.

    Returns:
        ``" (in NAME, NAME)"`` with at most three names, or an empty string if the error names no operator of
        the network or the network cannot be exported.
    """
    named = set(operators_in(text))
    if not named:
        return ""
    try:
        program = torch.export.export(network.module, (network.example,))
        nodes = [*program.graph.nodes, *program.run_decompositions().graph.nodes]
    except Exception:  # noqa: BLE001  any code of the user's; the converter's own error is what counts
        return ""
    found: dict[str, None] = {}
    for node in nodes:
        words = _OPERATOR.findall(str(node.target))
        stack = node.meta.get("nn_module_stack") or {}
        path = next(reversed(stack.values()))[0] if stack else ""
        if path and named.intersection(words):
            found[path] = None
    return f" (in {', '.join(list(found)[:_MOST_MODULES])})" if found else ""


def operators_in(text: str) -> list[str]:
    """Return the names of the ATen operators in a converter's error.

    >>> operators_in("Lowering not found: aten.adaptive_max_pool2d.default")
    ['adaptive_max_pool2d']
    """
    return _OPERATOR.findall(text)


_OPERATOR = re.compile(r"(?:aten|prims|torchvision)(?:\.|::)(\w+)")
_MOST_MODULES = 3
_MAP = 4
