"""Limits on a network while it is built: a ``spec.json`` may come from elsewhere and ask for any size.

Layers are counted as torch registers them, before their weights are initialized: memory that was only
reserved until then is not used yet.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch.nn.modules import module as torch_modules
from torch.nn.parameter import is_lazy

from edgecnn.core.errors import InputError
from edgecnn.core.named_code import SCHEME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

MOST_VALUES = 1 << 30
MOST_TENSORS = 20_000
MOST_MODULES = 20_000

# A pruned network is built whole and narrowed then, so that its file holds fewer values than are built, and
# a library may replace layers that it has just made.
_VALUES_BY_HELD, _MORE_VALUES = 256, 1 << 22
_TENSORS_BY_HELD, _MORE_TENSORS = 4, 256


@dataclass(frozen=True)
class BuildLimits:
    """The largest network that may be built.

    Attributes:
        values: Most values of all parameters and buffers.
        tensors: Most parameters and buffers.
        reason: The reason for these limits, for messages.
    """

    values: int = MOST_VALUES
    tensors: int = MOST_TENSORS
    reason: str = "the most for any network"

    @classmethod
    def of(cls, state: Mapping[str, Tensor], builder: str) -> BuildLimits:
        """Return the limits for a network whose weights are known.

        Args:
            state: The weights by name.
            builder: Its builder. The user's own code may build a large network and replace most of it.
        """
        if builder.startswith(SCHEME):
            return cls()
        held = sum(tensor.numel() for tensor in state.values())
        return cls(
            values=min(MOST_VALUES, _VALUES_BY_HELD * held + _MORE_VALUES),
            tensors=min(MOST_TENSORS, _TENSORS_BY_HELD * len(state) + _MORE_TENSORS),
            reason=f"its file of weights holds {held} values in {len(state)} tensors",
        )


@contextlib.contextmanager
def limited(limits: BuildLimits, builder: str) -> Iterator[None]:
    """Refuse a network that is built within the block as soon as it exceeds limits.

    Args:
        limits: The limits.
        builder: Name of the builder, for messages.

    Raises:
        InputError: The network has too many layers, tensors or values.
    """
    counted = {"values": 0, "tensors": 0, "layers": 0}

    def check(what: str, more: int, most: int) -> None:
        counted[what] += more
        if counted[what] > most:
            raise InputError(
                f"{builder} with these arguments has more than {most} {what}; {limits.reason}",
                hint="the arguments of the network do not belong to it, or it is no network for a device",
            )

    def count_tensor(_module: object, _name: str, tensor: Tensor | None) -> None:
        if tensor is not None:
            check("tensors", 1, limits.tensors)
            # The size of a lazy layer is known after the first image.
            check("values", 0 if is_lazy(tensor) else tensor.numel(), limits.values)

    def count_module(_module: object, _name: str, _child: object) -> None:
        check("layers", 1, MOST_MODULES)

    with contextlib.ExitStack() as hooks:
        for register, hook in (
            (torch_modules.register_module_parameter_registration_hook, count_tensor),
            (torch_modules.register_module_buffer_registration_hook, count_tensor),
            (torch_modules.register_module_module_registration_hook, count_module),
        ):
            hooks.callback(register(hook).remove)
        yield
