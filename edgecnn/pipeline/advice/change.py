"""Changes to a network, as data, and which of them are worth trying for what a compiler said of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgecnn.core.documents.npu import NpuReport

SMOOTH = ("SiLU", "GELU", "Mish", "ELU", "CELU", "SELU", "Softplus", "Tanh", "Hardswish")
"""Activations, by their class's name, that cost an NPU more than a bound on its accumulator does."""

SIMPLE = ("Hardswish", "ReLU6")
"""What replaces them: hard-swish stays close to SiLU, ReLU6 costs nothing behind a convolution."""

LANES = 16
"""Channels that an Ethos-U works on at once; a layer with fewer in its last group leaves the rest idle."""

SIZE_STEP = 32
"""Input sizes are tried in steps of what networks usually shrink an image by."""

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
"""What takes the place of operators that an Ethos-U leaves to the CPU, where no change can be tried."""


@dataclass(frozen=True)
class Facts:
    """What is known of a network before anything is changed.

    Attributes:
        modules: How many modules there are of every class.
        height: Input height in pixels.
        width: Input width in pixels.
        ragged: Convolutions whose output channels are no multiple of :data:`LANES`.
        convolutions: Convolutions in all.
        even_arguments: Arguments of the builder that make fewer of them ragged; None where there are none.
    """

    modules: dict[str, int]
    height: int
    width: int
    ragged: int
    convolutions: int
    even_arguments: dict[str, Any] | None


@dataclass(frozen=True)
class Change:
    """One change to a network.

    Attributes:
        name: What is done, in a few words.
        why: What it is for.
        activations: Class of the modules that are replaced, and the class that replaces them.
        resize: Mode that every ``Upsample`` module gets; None leaves them.
        arguments: Arguments that the builder gets.
        size: Input height and width; None keeps them.
    """

    name: str
    why: str
    activations: dict[str, str] = field(default_factory=dict)
    resize: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the change as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Change:
        """Rebuild a change from :meth:`to_json`."""
        size = data["size"]
        return cls(**{**data, "size": None if size is None else (int(size[0]), int(size[1]))})


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
    # PyTorch's nearest-exact becomes a gather, which Ethos-U55 and U65 do not have.
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
