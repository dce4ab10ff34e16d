"""Names of the files that accuracy recovery writes beside a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.json_file import read_json

if TYPE_CHECKING:
    from pathlib import Path

GRID_FILE = "grid.safetensors"
"""Holds ``NAME.weight``, float32 ``[O, I, H, W]`` or ``[O, I]``, whose values are levels times the
channel's ``NAME.scale``, float32 ``[O]``."""

RANGES_FILE = "ranges.json"
"""Activation ranges from training (:class:`edgecnn.quantization.given_ranges.GivenRanges`)."""

LAYERS_FILE = "layers.json"
"""Layers to leave in float, under the key ``float_layers``."""

NOTES_FILE = "notes.json"
"""Notes on a recovery, layer by layer."""


def read_float_layers(directory: Path) -> list[str]:
    """Return the names of the layers to leave in float, from the ``layers.json`` of a directory."""
    layers: list[str] = read_json(directory / LAYERS_FILE)["float_layers"]
    return layers
