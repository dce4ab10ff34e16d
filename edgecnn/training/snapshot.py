"""Snapshots from which a training resumes: one safetensors file, replaced atomically after each epoch.

The file holds the weights, their average and the optimizer's state as tensors, and the history as JSON in its
header, so there is no pickle and no second file that could disagree. The header also holds a digest of all of
it: a training never resumes from a damaged file, but starts again. The random state need not be stored:
every epoch seeds its generators from the settings' seed, the epoch and the rank.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from edgecnn.core.documents.training import EpochSummary
from edgecnn.core.errors import InputError, not_written
from edgecnn.core.files import draft_file
from edgecnn.core.safetensors_header import check_safetensors
from edgecnn.core.text import first_line
from edgecnn.ondevice.json_text import parse_json

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue

SCHEMA = 2
_HEADER = "edgecnn.training"
# What reading a file raises that is not a snapshot, or no longer one.
_UNUSABLE = (
    OSError,
    SafetensorError,
    InputError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    RecursionError,
)


@dataclass(frozen=True)
class TrainingState:
    """The objects that change during training.

    Attributes:
        module: The network being trained.
        average: Its averaged copy, if there is one.
        optimizer: The optimizer, with all parameters of ``module``.
    """

    module: nn.Module
    average: nn.Module | None
    optimizer: torch.optim.Optimizer

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor of the state by a unique name; they share memory with the objects."""
        named = {f"module.{name}": value for name, value in self.module.state_dict().items()}
        if self.average is not None:
            named |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            named |= {f"optimizer.{index}.{key}": value for key, value in values.items() if value is not None}
        return named


def save_snapshot(
    path: Path, identity: dict[str, JsonValue], history: list[EpochSummary], state: TrainingState
) -> None:
    """Write a snapshot; if the process is killed meanwhile, the previous snapshot stays intact.

    Args:
        path: Path of the file.
        identity: Settings and data of the training, as JSON; only a training with the same identity resumes.
        history: The finished epochs.
        state: Network, average and optimizer after the last epoch.

    Raises:
        MachineFault: The file cannot be written.
    """
    document = {"schema": SCHEMA, "identity": identity, "history": [epoch.to_json() for epoch in history]}
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors().items()}
    header = json.dumps(document | {"digest": _digest(document, tensors)})
    try:
        with draft_file(path) as draft:
            draft.write_bytes(save(tensors, metadata={_HEADER: header}))
    except OSError as error:
        raise not_written(path, error) from error


def load_snapshot(path: Path, identity: dict[str, JsonValue], state: TrainingState) -> list[EpochSummary]:
    """Restore ``state`` from a snapshot.

    Args:
        path: Path of the file; if it does not exist, is damaged or belongs to another training, nothing
            happens. Why a file is not used is printed to standard error.
        identity: Identity of this training.
        state: A newly built state; its tensors are overwritten in place.

    Returns:
        The finished epochs; empty if the training has to start from the beginning.
    """
    if not path.exists():
        return []
    try:
        document, tensors = _read(path)
        history = [EpochSummary.from_json(epoch, str(path)) for epoch in document["history"]]
        if document["identity"] != identity:
            raise InputError("it belongs to a training with other settings, data or network")
    except _UNUSABLE as error:
        sys.stderr.write(f"{path} is not used, the training starts again: {first_line(error)}\n")
        return []
    _restore(state, tensors)
    return history


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header and the tensors of a snapshot that is whole.

    Raises:
        InputError: It is damaged or of another version.
    """
    check_safetensors(path)
    with safe_open(path, framework="pt") as file:
        document = parse_json((file.metadata() or {})[_HEADER], wire=True)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    if not isinstance(document, dict):
        raise InputError("its header is no object")
    if document["schema"] != SCHEMA:
        raise InputError(f"it has schema {document['schema']!r}, not {SCHEMA}")
    if document.pop("digest") != _digest(document, tensors):
        raise InputError("its digest is another")
    return document, tensors


def _digest(document: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    """Return the digest of a header and of names, types, shapes and bytes of tensors."""
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
    digest.update(save(tensors))
    return digest.hexdigest()


@torch.no_grad()
def _restore(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    """Copy values into the existing tensors, whose memory layout decides the last bits of later sums."""
    for prefix, module in (("module.", state.module), ("average.", state.average)):
        if module is not None:
            module.load_state_dict(
                {name.removeprefix(prefix): tensors[name] for name in _under(tensors, prefix)}
            )
    parameters = [parameter for group in state.optimizer.param_groups for parameter in group["params"]]
    values: dict[int, dict[str, Tensor]] = {}
    for name in _under(tensors, "optimizer."):
        _, index, key = name.split(".")
        value, parameter = tensors[name], parameters[int(index)]
        if value.shape == parameter.shape:
            value = torch.empty_like(parameter).copy_(value)
        values.setdefault(int(index), {})[key] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": values, "param_groups": groups})


def _under(tensors: dict[str, Tensor], prefix: str) -> list[str]:
    return [name for name in tensors if name.startswith(prefix)]
