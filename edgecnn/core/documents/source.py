"""Origin of a model file: its network, the checkpoint, and the float file that was quantized."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, JsonValue

from edgecnn.core.documents.document import Document

Channels = Annotated[int, Field(strict=True, gt=0)]


class StoreEntry(Document):
    """Outputs of a step in the store."""

    key: str
    digest: str


class Width(Document):
    """Width of a pruned layer; a count is None if it is the builder's."""

    left_out: ClassVar[frozenset[str]] = frozenset({"inputs", "outputs"})

    inputs: Channels | None = None
    """Input channels."""

    outputs: Channels | None = None
    """Output channels."""


class NetworkOrigin(Document):
    """The builder of a network with its arguments, and the origin of its weights."""

    builder: str = ""
    """``zoo:NAME``, ``timm:NAME``, ``torchvision:NAME``, ``python:module:factory`` or ``onnx:NAME``."""

    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Keyword arguments of the builder."""

    widths: dict[str, Width] = Field(default_factory=dict)
    """Channels of every layer that has fewer than the builder makes, by qualified module name.

    It is empty unless the network was pruned.
    """

    weights: str = ""
    """Origin of the weights, as text for the user: a package, a file, a training run."""

    licence: str = ""
    """Licence of the weights, if known."""


class ModelOrigin(NetworkOrigin):
    """Origin of an artifact's network, and where the store has the files that it was made from."""

    left_out: ClassVar[frozenset[str]] = frozenset({"float", "network"})

    checkpoint: str | None = None
    """Digest of the checkpoint."""

    float_file: StoreEntry | None = Field(default=None, alias="float")
    """Of an int8 file: the float file that was quantized."""

    network: StoreEntry | None = None
    """Of an int8 file: the checkpoint that the float file was lowered from."""
