"""Requests to the process that has TensorFlow, and its replies."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.ondevice.documents import PlainDocument


@dataclass(frozen=True)
class OpenGiven(PlainDocument):
    """Open a file of TensorFlow.

    Attributes:
        path: The file or folder.
        kind: ``tflite``, ``keras``, ``h5`` or ``saved-model``.
        signature: Name of the function of a SavedModel to take; None for its only one.
    """

    path: str
    kind: str
    signature: str | None


@dataclass(frozen=True)
class Opened(PlainDocument):
    """What an open file takes and returns.

    Attributes:
        channels_last: Whether its image is ``[1, H, W, C]``.
        outputs: Names of its outputs, as in the ONNX file.
        raw_pixels: Whether its first layers scale pixels from 0 to 255 themselves.
    """

    channels_last: bool
    outputs: tuple[str, ...]
    raw_pixels: bool


@dataclass(frozen=True)
class Convert(PlainDocument):
    """Write the open file as ONNX, with channels first, to a path."""

    out: str


@dataclass(frozen=True)
class Execute(PlainDocument):
    """Execute the open file.

    Attributes:
        image: Path of a ``.npy`` file, float32 ``[1, C, H, W]``.
        tensors: Names of the wanted tensors, as in the ONNX file; those that TensorFlow does not have are
            left out. Empty for all outputs, in the file's order.
        folder: Folder in which each is written, as ``0.npy``, ``1.npy`` and so on.
    """

    image: str
    tensors: tuple[str, ...]
    folder: str


@dataclass(frozen=True)
class Executed(PlainDocument):
    """Names of the tensors that were written, in the order of the files."""

    tensors: tuple[str, ...]


@dataclass(frozen=True)
class TensorFlowReply(PlainDocument):
    """One line of the process: a result, or an error as :mod:`edgecnn.core.errors` writes it."""

    value: dict[str, object] | None = None
    error: dict[str, str | int | None] | None = None


@dataclass(frozen=True)
class TensorFlowQuestion(PlainDocument):
    """One line to the process: the name of a request's class, and the request."""

    request: str
    value: dict[str, object]
