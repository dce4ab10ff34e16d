"""An entry point for child processes that says what another one loads; it imports nothing heavy itself."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from edgecnn.core.documents.arguments import arguments, from_plain
from edgecnn.core.process import _argument_class

HEAVY = frozenset(
    {"torch", "torchvision", "timm", "torchao", "torch_pruning", "optuna", "tensorflow", "jax"}
    | {"litert_torch", "nncf", "openvino", "onnxruntime"}
)


@arguments
class Entry:
    """An entry point ``package.module:function`` and its argument as JSON."""

    name: str
    argument: Any


def load(entry: Entry) -> list[str]:
    """Call an entry point, and return the heavy packages that are loaded afterwards."""
    module, _, name = entry.name.partition(":")
    function = getattr(importlib.import_module(module), name)
    function(from_plain(_argument_class(function), entry.argument))
    return sorted(HEAVY & sys.modules.keys())
