"""All sources of networks. A new one is a module in ``sources`` and a line in the table."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from edgecnn.models.source import ModelSource

_SOURCES = (
    "edgecnn.models.sources.onnx:OnnxSource",
    "edgecnn.models.sources.tensorflow:TensorFlowSource",
    "edgecnn.models.sources.zoo:ZooSource",
    "edgecnn.models.sources.library:LibrarySource",
    "edgecnn.models.sources.module:ModuleSource",
    "edgecnn.models.sources.checkpoint:CheckpointSource",
)
"""The sources in the order in which they are asked; the last one takes anything that may be a path."""


@functools.cache
def all_sources() -> tuple[ModelSource, ...]:
    """Return every source, in the order in which they are asked."""
    entries = (entry.partition(":") for entry in _SOURCES)
    return tuple(getattr(importlib.import_module(module), name)() for module, _, name in entries)


def find_source(reference: str) -> ModelSource:
    """Return the source of a reference; the source of checkpoints if no other takes it.

    >>> type(find_source("zoo:mobilenetv2")).__name__, type(find_source("models/yolox.onnx")).__name__
    ('ZooSource', 'OnnxSource')
    """
    return next(source for source in all_sources() if source.takes(reference))


def find_builder(builder: str) -> ModelSource:
    """Return the source that builds the networks of a spec.

    Raises:
        UsageError: No source has a builder of that kind.
    """
    scheme = builder.partition(":")[0]
    for source in all_sources():
        if scheme in source.schemes:
            return source
    raise UsageError(
        f"{builder!r} is not a model",
        hint="use zoo:NAME, timm:NAME, torchvision:NAME, python:package.module:factory or a checkpoint",
    )
