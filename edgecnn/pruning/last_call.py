"""The operation and the layer in which a network's forward function stops, for messages in plain words."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

_OF_AUTOGRAD = re.compile(r"\w+\((\w+?)Backward\d*\)")
_OF_SHAPES = re.compile(r"_(\w+?)_\d+\(.*\)")
_UNTOLD = {"T", "TBackward0"}
"""Transposition of a dense layer's weights, which is a part of that layer."""


class LastCall(TorchFunctionMode):
    """Records the operation that was called last, and the layer in which it was called.

    Attributes:
        name: Name of the operation.
        layer: Qualified name of the layer; empty in the network's own forward function.
    """

    name = "its forward function"
    layer = ""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.name = getattr(func, "__name__", str(func))
        return func(*args, **(kwargs or {}))

    @contextlib.contextmanager
    def watch(self, module: nn.Module) -> Iterator[None]:
        """Record the calls of a network in the block."""
        entered: list[str] = []

        def leave(*_: object) -> None:
            entered.pop()
            self.layer = entered[-1] if entered else ""

        def enter(name: str) -> None:
            entered.append(name)
            self.layer = name

        hooks = []
        for name, layer in module.named_modules():
            hooks.append(layer.register_forward_pre_hook(lambda *_, name=name: enter(name)))
            hooks.append(layer.register_forward_hook(leave))
        try:
            with self:
                yield
        finally:
            for hook in hooks:
                hook.remove()

    def __str__(self) -> str:
        """Return where the network stopped, such as ``conv2d in the layer features.3``."""
        return f"{self.name} in the layer {self.layer}" if self.layer else self.name


def operation(node: str) -> str:
    """Return the plain name of an operation of torch-pruning's graph; empty if it is a part of a layer.

    >>> operation("_ElementWiseOp_0(MulBackward0)"), operation("_Reshape_2()"), operation("stem (Conv2d)")
    ('mul', 'reshape', 'stem (Conv2d)')
    """
    found = _OF_AUTOGRAD.fullmatch(node) or _OF_SHAPES.fullmatch(node)
    if found is None:
        return node
    return "" if found[1] in _UNTOLD else found[1].lower()
