"""Identification of a network's layers in a model file, by their weights.

Converters rename layers, fold batch norms into them and reorder their axes, but the weights of each output
channel only change by a factor. Therefore a layer of a file corresponds to the layer of the network whose
weights have the same direction in every channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping

Weights = npt.NDArray[np.float32]

_TOLERANCE = 1e-3
_NOTHING = 1e-12


def match_layers(found: Mapping[str, Weights], named: Mapping[str, Weights]) -> dict[str, str]:
    """Match the layers of a file with those of a network.

    Args:
        found: Weights in the file, float32 ``[O, I, H, W]`` or ``[O, I]``, by the file's name of the layer.
        named: Weights of the network in the same layout, by the network's name of the layer.

    Returns:
        The network's name by the file's name; a layer without a counterpart is left out.

    >>> convolution = np.float32([[[[1.0]], [[2.0]]]])
    >>> match_layers({"node_7": -2 * convolution}, {"stem": convolution, "head": convolution[:, ::-1]})
    {}
    >>> match_layers({"node_7": 2 * convolution}, {"stem": convolution, "head": convolution[:, ::-1]})
    {'node_7': 'stem'}
    """
    directions = {name: _directions(weights) for name, weights in named.items()}
    matched: dict[str, str] = {}
    for place, weights in found.items():
        own = _directions(weights)
        for name, other in directions.items():
            fits = name not in matched.values() and own.shape == other.shape
            if fits and np.abs(own - other).max() < _TOLERANCE:
                matched[place] = name
                break
    return matched


def _directions(weights: Weights) -> npt.NDArray[np.float64]:
    """Return each output channel at unit length, ``[O, I, H * W]``; a channel of zeros stays zero."""
    shaped = weights.astype(np.float64).reshape(*weights.shape[:2], -1)
    length = np.sqrt(np.square(shaped).sum(axis=(1, 2), keepdims=True))
    directions: npt.NDArray[np.float64] = shaped / np.maximum(length, _NOTHING)
    return directions
