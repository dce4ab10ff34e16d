"""Choose the changes to a network that are worth compiling, by a compiler's report on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from edgecnn.core.documents.advice import Change
from edgecnn.core.documents.arguments import arguments

if TYPE_CHECKING:
    from edgecnn.core.documents.npu import NpuReport

SMOOTH = ("SiLU", "GELU", "Mish", "ELU", "CELU", "SELU", "Softplus", "Tanh", "Hardswish")
"""Activations, by class name, that cost an NPU more than clipping its accumulator does."""

SIMPLE = ("Hardswish", "ReLU6")
"""Their replacements: hard-swish is similar to SiLU, ReLU6 costs nothing after a convolution."""

LANES = 16
"""Channels that an Ethos-U computes at once; a layer whose last group has fewer leaves lanes idle."""

SIZE_STEP = 32
"""Input sizes are tried in multiples of this, the factor by which networks usually shrink an image."""

INSTEAD = {
    "AVERAGE_POOL_2D": "pool by a mean over the whole map, or with a smaller window",
    "CAST": "one integer type from the input to the output",
    "DIV": "multiply by a constant, or let the layer before it learn the factor",
    "GATHER": "slice; resize 'nearest' or 'bilinear' by a factor of 2, not 'nearest-exact'",
    "GATHER_ND": "slice; resize 'nearest' or 'bilinear' by a factor of 2, not 'nearest-exact'",
    "RESIZE_BILINEAR": "resize by a factor of 2, 4 or 8, without aligned corners",
    "RESIZE_NEAREST_NEIGHBOR": "resize by a factor of 2, 4 or 8, or bilinearly",
    "REVERSE_V2": "flip the image before it enters the network",
    "SELECT_V2": "an activation in place of the comparison",
    "TRANSPOSE": "keep one layout: no shuffle or permute between the layers",
}
"""Suggestions for operators that an Ethos-U leaves to the CPU, if no change can be tried."""


@arguments
class VariantRequest:
    """A network whose variants a child process builds.

    Attributes:
        reference: Name of the network, or directory of a checkpoint or of an artifact.
        arguments: Arguments of the builder, which override the network's own.
        compiler: Name of the compiler that takes the files.
        out: Directory to write to.
        changes: Changes, each of which is made to a copy of the network.
    """

    reference: str
    arguments: dict[str, JsonValue]
    compiler: str
    out: Path
    changes: tuple[Change, ...] = ()


@arguments
class Facts:
    """Facts about the unchanged network.

    Attributes:
        modules: Number of modules of every class.
        height: Input height in pixels.
        width: Input width in pixels.
        ragged: Number of convolutions whose output channels are not a multiple of :data:`LANES`.
        convolutions: Number of all convolutions.
        even_arguments: Arguments of the builder that reduce ``ragged``; None if there are none.
    """

    modules: dict[str, int]
    height: int
    width: int
    ragged: int
    convolutions: int
    even_arguments: dict[str, JsonValue] | None


def propose(report: NpuReport, facts: Facts, sram_limit: int | None) -> list[Change]:
    """Return the changes that are worth compiling."""
    return [
        *_activations(facts),
        *_resize(facts, report),
        *_channels(facts),
        *_size(facts, report, sram_limit),
    ]


def _activations(facts: Facts) -> list[Change]:
    present = [name for name in SMOOTH if facts.modules.get(name)]
    changes = []
    for simple in SIMPLE:
        replaced = [name for name in present if name != simple]
        if replaced:
            count = sum(facts.modules[name] for name in replaced)
            changes.append(
                Change(
                    name=f"{', '.join(replaced)} -> {simple}",
                    why=f"{count} activations cost operations of their own; train again after the change",
                    activations=dict.fromkeys(replaced, simple),
                )
            )
    return changes


def _resize(facts: Facts, report: NpuReport) -> list[Change]:
    # PyTorch's nearest-exact becomes a gather, which Ethos-U55 and U65 lack.
    left = {"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "GATHER", "GATHER_ND"}
    if not facts.modules.get("Upsample") or left.isdisjoint(report.cpu_operators):
        return []
    why = "the resize is left to the CPU"
    return [Change(name=f"resize {mode}", why=why, resize=mode) for mode in ("nearest", "bilinear")]


def _channels(facts: Facts) -> list[Change]:
    if facts.even_arguments is None:
        return []
    return [
        Change(
            name=f"channels in multiples of {LANES}",
            why=f"{facts.ragged} of {facts.convolutions} convolutions leave part of the MAC units idle",
            arguments=facts.even_arguments,
        )
    ]


def _size(facts: Facts, report: NpuReport, limit: int | None) -> list[Change]:
    """Propose input sizes that should fit the memory; feature maps grow with the square of the side."""
    taken = report.sram_bytes
    if limit is None or taken is None or taken <= limit:
        return []
    side = min(facts.height, facts.width)
    fitting = int(side * (limit / taken) ** 0.5) // SIZE_STEP * SIZE_STEP
    sizes = [size for size in (fitting, fitting - SIZE_STEP) if 0 < size < side]
    return [
        Change(
            name=f"input of {round(facts.height * size / side)}x{round(facts.width * size / side)} pixels",
            why=f"one inference takes {taken} bytes of SRAM and there are {limit}",
            size=(round(facts.height * size / side), round(facts.width * size / side)),
        )
        for size in sizes
    ]
