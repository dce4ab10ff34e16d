"""What the integer kernels of a runtime do on an instruction set, as far as quantization depends on it.

A backend gives one :class:`Kernels` for each instruction set (``edgecnn/backends/<vendor>/kernels.py``). The
algorithms of this package ask nothing else about a target: neither its format nor its runtime.
"""

from __future__ import annotations

from typing import Literal, get_args

from edgecnn.core.documents.arguments import arguments

Scheme = Literal["symmetric", "pairs-hwc", "pairs-c", "pair-safe"]
"""How int8 weights may lie; :mod:`edgecnn.quantization.grids` says what each name means."""

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)

Activation = Literal[
    "relu",
    "relu6",
    "hardtanh",
    "leaky_relu",
    "hardswish",
    "hardsigmoid",
    "sigmoid",
    "silu",
    "gelu",
    "tanh",
]
EVERY_ACTIVATION: tuple[Activation, ...] = get_args(Activation)

CLIPS: tuple[Activation, ...] = ("relu", "relu6")
"""Activations that every runtime computes inside the layer before them."""


@arguments
class Kernels:
    """What integer kernels do.

    Attributes:
        weights: Which grids int8 weights may lie on.
        fused: Activations that a layer computes in float on its sums, before it writes its result: only what
            comes out of them is int8. All other activations read and write int8.
        channel_grids: Whether a tensor that depthwise layers alone read has a range for each channel, and not
            one for all.
    """

    weights: Scheme
    fused: tuple[Activation, ...] = CLIPS
    channel_grids: bool = False

    @property
    def name(self) -> str:
        """A short name that different kernels never share; the ids of steps carry it.

        >>> Kernels("pairs-hwc").name, Kernels("symmetric", EVERY_ACTIVATION, channel_grids=True).name
        ('pairs-hwc', 'symmetric-fused-channels')
        >>> Kernels("symmetric", ("relu", "silu")).name
        'symmetric-relu-silu'
        """
        named: list[str] = [name for name in EVERY_ACTIVATION if name in self.fused]
        if set(named) == set(EVERY_ACTIVATION):
            named = ["fused"]
        elif set(named) == set(CLIPS):
            named = []
        elif not named:
            named = ["unfused"]
        return "-".join([self.weights, *named, *(["channels"] if self.channel_grids else [])])
