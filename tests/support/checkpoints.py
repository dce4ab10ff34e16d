"""Checkpoints of networks that a function of a test module builds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue
from torch import nn

from edgecnn.core.named_code import named_by_user
from edgecnn.models.checkpoint import save_checkpoint
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract

_NAMED = contextlib.ExitStack()
"""Holds the permissions to run the functions that tests named, until the process ends."""


def permit(builder: str) -> None:
    """Permit files to name a builder, as a user does who names it, until the process ends."""
    _NAMED.enter_context(named_by_user(builder))


def write_checkpoint(
    folder: Path,
    builder: Callable[..., nn.Module],
    module: nn.Module,
    *,
    contract: Contract,
    classes: int,
    arguments: dict[str, JsonValue] | None = None,
) -> Path:
    """Save a network with a spec that names the function which builds it, and permit files to name it.

    Args:
        folder: The checkpoint's directory; it is made.
        builder: A function of a module.
        module: What it built.
        contract: The preprocessing.
        classes: Number of classes, which are called by their numbers.
        arguments: Arguments of the function.
    """
    spec = ModelSpec(
        builder=f"python:{builder.__module__}:{builder.__name__}",
        contract=contract,
        classes=tuple(map(str, range(classes))),
        arguments=arguments or {},
    )
    save_checkpoint(folder, module, spec)
    permit(spec.builder)
    return folder
