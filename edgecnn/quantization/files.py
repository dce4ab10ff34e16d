"""Names of the files that accuracy recovery writes beside a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
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
    """Return the names of the layers to leave in float, from the ``layers.json`` of a directory.

    Raises:
        InputError: The file is missing or damaged.
    """
    file = directory / LAYERS_FILE
    found = read_json(file, what="a list of layers")
    layers = found.get("float_layers") if isinstance(found, dict) else None
    if not isinstance(layers, list) or not all(isinstance(name, str) for name in layers):
        raise InputError(f"{file} does not hold the names of layers under 'float_layers'")
    return layers
