"""Where a model file came from: its network, the checkpoint, and the float file that was quantized."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, JsonValue

from edgecnn.core.documents.document import Document


class StoreEntry(Document):
    """Outputs of a step in the store."""

    key: str
    digest: str


class ModelOrigin(Document):
    """The network as ``spec.json`` describes it, less its contract and classes, and where its files lie."""

    left_out: ClassVar[frozenset[str]] = frozenset({"float", "network"})

    builder: str = ""
    """``zoo:NAME``, ``timm:NAME``, ``torchvision:NAME``, ``python:package.module:factory`` or ``onnx``."""

    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Keyword arguments of the builder."""

    widths: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Channels of every layer that has fewer than the builder makes; empty unless the network was pruned."""

    weights: str = ""
    """Where the weights came from, for the reader: a package, a file, a training run."""

    licence: str = ""
    """Licence of the weights, where known."""

    checkpoint: str | None = None
    """Digest of the checkpoint."""

    float_file: StoreEntry | None = Field(default=None, alias="float")
    """Of an int8 file: the float file that was quantized."""

    network: StoreEntry | None = None
    """Of an int8 file: the checkpoint that the float file was lowered from."""
