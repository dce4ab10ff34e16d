"""Files of the format: a ZIP of NumPy arrays, one of which holds the layers as JSON; nothing is pickled."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 100_000_000
LAYERS = "layers"


@dataclass(frozen=True)
class Layer:
    """One layer of a chain.

    Attributes:
        name: Name of the module that it was.
        kind: ``conv``, ``linear``, ``relu``, ``max_pool``, ``mean`` or ``flatten``.
        stride: Step of the window.
        padding: Zeros on each side.
        size: Side of the window of a pool.
        input_step: Distance of two int8 values of the input; None where the layer computes in float.
    """

    name: str
    kind: str
    stride: int = 1
    padding: int = 0
    size: int = 0
    input_step: float | None = None


@dataclass(frozen=True)
class Network:
    """A chain of layers.

    Attributes:
        input_shape: ``[1, C, H, W]``.
        output_shape: ``[1, classes]``.
        layers: In the order of execution.
        arrays: ``NAME.weight``, ``NAME.bias`` and, of int8 weights, ``NAME.scale``, one an output channel.
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    arrays: dict[str, npt.NDArray[np.generic]] = field(default_factory=dict)


def write(network: Network, file: Path) -> Path:
    """Write a network; return ``file``."""
    described = {
        "input_shape": network.input_shape,
        "output_shape": network.output_shape,
        "layers": [asdict(layer) for layer in network.layers],
    }
    text = np.frombuffer(json.dumps(described).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{LAYERS: text, **network.arrays})
    file.write_bytes(buffer.getvalue())
    return file


def read(file: Path) -> Network:
    """Read a network.

    Raises:
        InputError: The file is none of the format, or it is damaged or too large.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
                raise InputError(f"{file} is larger than {MAX_BYTES} bytes")
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        described = json.loads(arrays.pop(LAYERS).tobytes())
        layers = tuple(Layer(**layer) for layer in described["layers"])
        return Network(tuple(described["input_shape"]), tuple(described["output_shape"]), layers, arrays)
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{file} is no toy file: {reason}") from error
