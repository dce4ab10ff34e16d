"""Properties of a runtime's integer kernels on an instruction set, as far as quantization needs them.

A backend defines one :class:`Kernels` per instruction set (``edgecnn/backends/<vendor>/kernels.py``). The
algorithms of this package use nothing else of a target, neither its format nor its runtime.
"""

from __future__ import annotations

from typing import Literal, get_args

from edgecnn.core.documents.arguments import arguments

Scheme = Literal["symmetric", "pairs-hwc", "pairs-c", "pair-safe"]
"""Rule for int8 weights; :mod:`edgecnn.quantization.grids` defines each name."""

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
    """Properties of integer kernels.

    Attributes:
        weights: Rule for the grids of int8 weights.
        fused: Activations that a layer computes in float on its sums before it writes its int8 result. All
            other activations read and write int8.
        channel_grids: Whether a tensor that only depthwise layers read has a range per channel instead of a
            single one.
    """

    weights: Scheme
    fused: tuple[Activation, ...] = CLIPS
    channel_grids: bool = False

    @property
    def name(self) -> str:
        """Return a short name that is unique to these properties; the ids of steps contain it.

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
