"""An entry point for child processes that says what another one loads; it imports nothing heavy itself."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from edgecnn.core.documents.arguments import arguments, from_plain
from edgecnn.core.process import _argument_class
from edgecnn.pipeline.stages.base import Context
from edgecnn.pipeline.stages.train import TrainParameters, run

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
    extra = {"progress": lambda _done, _total: None} if "progress" in function.__annotations__ else {}
    function(from_plain(_argument_class(function), entry.argument), **extra)
    return sorted(HEAVY & sys.modules.keys())


@arguments
class TrainRequest:
    """A checkpoint to train on a prepared set; the result is written to ``out``."""

    checkpoint: Path
    images: Path
    out: Path
    how: TrainParameters


def train(request: TrainRequest) -> None:
    """Call the stage of training, which is executed by the program itself and not by a child."""
    out, inputs = request.out, {"checkpoint": request.checkpoint, "train": request.images}
    run(inputs, request.how, Context(out, out / "scratch", out / "log", lambda _done, _total, _text: None))
